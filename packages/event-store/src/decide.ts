import { currentCause } from "@throughline/envelope";
import { askTogether, type Transaction } from "@throughline/log";
import { type Decided, decidingWith } from "./decide-together.ts";
import { type Decider, streamIdOf } from "./decider.ts";
import { eventId } from "./event-id.ts";
import { loadStateAt } from "./load-state.ts";
import { readCommandEvents } from "./read-stream.ts";
import type { Event, Metadata, RecordedEvent } from "./recorded-event.ts";
import { upcast } from "./upcast.ts";

export type DecideOptions = {
  /** The id of the command, or of the message that carries it. Told again, it returns its first result. */
  readonly commandId?: string | undefined;
  /** Kept beside every event, with the correlation and the cause of what is being handled. Default: these alone. */
  readonly metadata?: Metadata | undefined;
};

export type Decision<Told extends Event, State> = {
  /** The state after the events. */
  readonly state: State;
  readonly version: number;
  /** What the command made happen; empty where it changed nothing. */
  readonly events: readonly RecordedEvent<Told>[];
};

/**
 * Loads an entity, lets its decider decide, and appends the events, all in `tx`. Commands to one entity wait for each
 * other until `tx` ends, and those of one transaction are decided in the order in which they were told; only two
 * transactions that both create it do not, and the later one gets a `ConcurrencyError`. Where the stream is closed, a
 * command that would make something happen fails with a `RejectedError`. After either of them, roll back.
 * A command that is told again is recognised by its events; where it had none, it is decided again.
 * Of commands side by side the promises are settled in order: who keeps the state in a view saves it before awaiting
 * anything else, or an older state would have the last word.
 */
export async function decide<Command, Told extends Event, State>(
  tx: Transaction,
  decider: Decider<Command, Told, State>,
  id: string,
  command: Command,
  options: DecideOptions = {},
): Promise<Decision<Told, State>> {
  const [decision] = await decideAll(tx, decider, [{ id, command }], options);
  const { state, version, events } = decision as Decision<Told, State>;
  return { state, version, events };
}

/**
 * `decide` for several entities of one kind: where the rules forbid one of the commands, none of them makes anything
 * happen, and the transaction may go on. Throws what the decider threw. The decisions, each with the id of its entity, are
 * in the order of the commands.
 */
export async function decideAll<Command, Told extends Event, State>(
  tx: Transaction,
  decider: Decider<Command, Told, State>,
  commands: readonly { readonly id: string; readonly command: Command }[],
  { commandId, metadata }: DecideOptions = {},
): Promise<(Decision<Told, State> & { readonly id: string })[]> {
  const outcome = await askTogether(tx, decidingWith(decider), {
    commands: commands.map(({ id, command }) => {
      const streamId = streamIdOf(decider, id);
      return { streamId, command, firstEventId: commandId === undefined ? null : eventId(streamId, commandId, 0) };
    }),
    commandId,
    metadata: { ...causeOfThis(), ...metadata },
  });
  if (outcome.status === "rejected") throw outcome.reason;
  const decisions: (Decision<Told, State> & { readonly id: string })[] = [];
  for (const [nth, { id }] of commands.entries()) {
    const decided = outcome.value[nth] as Decided<Told, State>;
    const decision = "events" in decided ? decided : await firstResult(tx, decider, String(commandId), decided);
    decisions.push({ ...decision, id });
  }
  return decisions;
}

export function causeOfThis(): Metadata {
  const cause = currentCause();
  if (cause === undefined) return {};
  const { correlationId, id } = cause;
  return id === undefined ? { correlationId } : { correlationId, causationId: id };
}

async function firstResult<Command, Told extends Event, State>(
  tx: Transaction,
  decider: Decider<Command, Told, State>,
  commandId: string,
  { streamId, repeatedFrom }: Exclude<Decided<Told, State>, Decision<Told, State>>,
): Promise<Decision<Told, State>> {
  const stored = await readCommandEvents(tx, streamId, commandId, repeatedFrom);
  const events = stored.map((event) => upcast(decider, event));
  const { state, version } = await loadStateAt(tx, decider, streamId, repeatedFrom + events.length - 1);
  return { state, version, events };
}
