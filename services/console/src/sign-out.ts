import { createHash } from "node:crypto";
import { type Access, problem } from "@throughline/service";

/** Access that its holder can end: a token that was signed out here lets nobody in, until it is signed in again. */
export type EndableAccess = Access & {
  signIn(token: string): void;
  signOut(token: string): void;
};

/** Tokens that are remembered, the eldest of which is forgotten first. */
const most = 10_000;

/** This process alone remembers: where there are several, the others go on with a token until it expires. */
export function endable(access: Access): EndableAccess {
  const ended = new Set<string>();
  return {
    ...access,
    async admit(token) {
      if (token !== undefined && ended.has(digestOf(token))) throw signedOut();
      return access.admit(token);
    },
    signIn: (token) => void ended.delete(digestOf(token)),
    signOut(token) {
      ended.add(digestOf(token));
      const [eldest = ""] = ended;
      if (ended.size > most) ended.delete(eldest);
    },
  };
}

/** Of what is signed in it: the signature itself can be written in several ways. */
function digestOf(token: string): string {
  return createHash("sha256")
    .update(token.slice(0, token.lastIndexOf(".")))
    .digest("base64");
}

function signedOut() {
  return problem(401, "Unauthorized", { detail: "You have signed out" });
}
