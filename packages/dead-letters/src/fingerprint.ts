import { createHash } from "node:crypto";

/** What failed, without what differs from message to message. */
export type FailureKind = {
  readonly group: string;
  /** The message's type; where the bytes are no envelope, the place that they came from. */
  readonly about: string;
  readonly error: { readonly name: string; readonly message: string };
};

/** Eight hex digits that are the same for the same kind of failure, in every process and version. */
export function fingerprintOf({ group, about, error }: FailureKind): string {
  const kind = JSON.stringify([group, about, error.name, normalise(error.message)]);
  return createHash("sha256").update(kind).digest("hex").slice(0, 8);
}

/** Every word with a digit in it is an id, a number, a time or an address; nothing else in a sentence has one. */
export function normalise(message: string): string {
  return message.replace(/[\p{L}_-]*\d[\p{L}\d_-]*/gu, "#");
}
