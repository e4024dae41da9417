import { type Envelope, RejectedError } from "@throughline/envelope";
import type { Database } from "@throughline/log";
import type { Outcome } from "./commit.ts";
import { isRemembered } from "./processed-messages.ts";
import type { Effect, Reaction } from "./reaction.ts";
import { refuseForgotten } from "./retention.ts";

export type HandlerParts = {
  readonly retentionDays: number;
  readonly commit: (envelope: Envelope, effect: Effect) => Promise<Outcome>;
};

/** Finds the reaction to an envelope, lets it prepare, and commits its effect. Throws where two have the same message. */
export function createHandler(
  database: Database,
  group: string,
  reactions: readonly Reaction[],
  { retentionDays, commit }: HandlerParts,
): (envelope: Envelope) => Promise<Outcome> {
  const byName = indexByName(group, reactions);
  return async (envelope) => {
    const reaction = byName.get(nameOf(envelope));
    if (reaction === undefined) throw new RejectedError(`Consumer ${group} has no reaction to ${nameOf(envelope)}`);
    refuseForgotten(envelope, retentionDays);
    const effect = await reaction.prepare(envelope, () => isRemembered(database, group, envelope));
    return effect === undefined ? "duplicate" : commit(envelope, effect);
  };
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
