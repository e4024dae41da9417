import { createHash } from "node:crypto";
import { type Access, problem, type Visitor } from "@throughline/service";

/** Access that its holder can end: a token that was signed out here lets nobody in, until it is signed in again. */
export type EndableAccess = Access & {
  /** Admits also a token that was signed out, and so do others from then on. */
  readonly signIn: Access["admit"];
  /** Answers who it was. Never throws: what cannot be verified is nobody's, and not remembered, since it lets nobody in. */
  signOut(token: string): Promise<Visitor | undefined>;
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
    async signIn(token) {
      const visitor = await access.admit(token);
      if (token !== undefined) ended.delete(digestOf(token));
      return visitor;
    },
    signOut: (token) =>
      access.admit(token).then(
        (visitor) => {
          remember(digestOf(token));
          return visitor;
        },
        () => undefined,
      ),
  };

  function remember(digest: string): void {
    ended.add(digest);
    const [eldest = ""] = ended;
    if (ended.size > most) ended.delete(eldest);
  }
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
