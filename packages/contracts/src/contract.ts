import { type Envelope, type Message, RejectedError } from "@throughline/envelope";
import type { z } from "zod";

/** The promise between services about one message type in one version. Both ends use the same value. */
export type Contract<Data = unknown> = {
  readonly type: string;
  readonly version: string;
  /** An `event` tells everyone what happened; `work` is to be done once, by whoever takes it from the queue. */
  readonly kind: "event" | "work";
  /** The sender's end: checks `data` and throws a plain error that names every fault by path, since it is our bug. */
  message(key: string, data: Data, id?: string): Message<Data>;
  /** The receiver's end: checks type, version and data. Throws a `RejectedError` that names every fault by path; its cause lists them. */
  read(envelope: Envelope): Envelope<Data>;
};

/** A contract for `data` as `schema` has it; of an event, unless `kind` says that it is work. */
export function defineContract<Data>(
  type: string,
  version: string,
  schema: z.ZodType<Data>,
  { kind = "event" }: { readonly kind?: Contract["kind"] } = {},
): Contract<Data> {
  const name = `${type} version ${version}`;
  return {
    type,
    version,
    kind,
    message(key, data, id) {
      const result = schema.safeParse(data);
      if (!result.success) throw new Error(`Not a message ${name}: ${faults(result.error)}`, { cause: result.error });
      return { type, version, key, data: result.data, ...(id === undefined ? {} : { id }) };
    },
    read(envelope) {
      if (envelope.type !== type || envelope.version !== version) {
        throw new RejectedError(`Expected ${name}, got ${envelope.type} version ${envelope.version}`);
      }
      const result = schema.safeParse(envelope.data);
      if (!result.success) {
        const cause = result.error.issues.map(({ path, message }) => ({ path: ["data", ...path], message }));
        throw new RejectedError(`Not a message ${name}: ${faults(result.error)}`, { cause });
      }
      return { ...envelope, data: result.data };
    },
  };
}

function faults(error: z.ZodError): string {
  return error.issues.map((issue) => `data.${issue.path.join(".")}: ${issue.message}`).join("; ");
}
