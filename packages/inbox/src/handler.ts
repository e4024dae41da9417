import { type Envelope, RejectedError } from "@throughline/envelope";
import type { Database } from "@throughline/log";
import type { WithBody } from "./bodies.ts";
import type { Outcome } from "./commit.ts";
import { inTime } from "./in-time.ts";
import { passKeys, putAsideIfHeld } from "./parked-keys.ts";
import { type Parks, standingOf } from "./processed-messages.ts";
import type { Effect, Reaction } from "./reaction.ts";
import { refuseForgotten } from "./retention.ts";

export type HandlerParts = {
  readonly retentionDays: number;
  /** What reading a message, and the call of its reaction, may take, in milliseconds. */
  readonly timeoutMs: number;
  readonly parks: Parks;
  readonly withBody: WithBody;
  readonly commit: (envelope: Envelope, effect: Effect) => Promise<Outcome>;
};

/** Finds the reaction to an envelope, lets it prepare, and commits its effect. Throws where two have the same message. */
export function createHandler(
  database: Database,
  group: string,
  reactions: readonly Reaction[],
  { retentionDays, timeoutMs, parks, withBody, commit }: HandlerParts,
): (envelope: Envelope) => Promise<Outcome> {
  const byName = indexByName(group, reactions);
  return async (envelope) => {
    const reaction = byName.get(nameOf(envelope));
    if (reaction === undefined) throw new RejectedError(`Consumer ${group} has no reaction to ${nameOf(envelope)}`);
    refuseForgotten(envelope, retentionDays);
    return await withBody(envelope, (whole) => run(reaction, envelope, whole));
  };

  /** What is written down is the envelope as it came; the reaction gets it whole. */
  async function run(reaction: Reaction, envelope: Envelope, whole: Envelope): Promise<Outcome> {
    for (;;) {
      let standing: Awaited<ReturnType<typeof standingOf>> = "done";
      const preparing = reaction.prepare(whole, async () => {
        standing = await standingOf(database, group, envelope, parks);
        return standing !== "new";
      });
      const effect = await inTime(preparing, { what: "Handling", of: envelope, ms: timeoutMs });
      if (effect !== undefined) return commit(envelope, effect);
      if (standing === "done") {
        // Handled, and set aside all the same, since it took too long.
        if (parks.has(envelope.type)) await passKeys(database, group, [envelope]);
        return "duplicate";
      }
      if (await putAsideIfHeld(database, group, envelope)) return "parked";
    }
  }
}

function indexByName(group: string, reactions: readonly Reaction[]): Map<string, Reaction> {
  const byName = new Map<string, Reaction>();
  for (const reaction of reactions) {
    const name = nameOf(reaction);
    if (byName.has(name)) throw new Error(`Consumer ${group} has two reactions to ${name}`);
    byName.set(name, reaction);
  }
  return byName;
}

function nameOf({ type, version }: { readonly type: string; readonly version: string }): string {
  return `${type} version ${version}`;
}
