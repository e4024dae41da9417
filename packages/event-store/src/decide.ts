import { currentCause } from "@throughline/envelope";
import type { Transaction } from "@throughline/log";
import { toEntries } from "./append-to-stream.ts";
import { appendTogether } from "./append-together.ts";
import { type Decider, streamIdOf } from "./decider.ts";
import { eventId } from "./event-id.ts";
import { loadForDecision, loadStateAt } from "./load-state.ts";
import { readCommandEvents } from "./read-stream.ts";
import type { Event, Metadata, RecordedEvent } from "./recorded-event.ts";
import { schemaVersionOf, upcast } from "./upcast.ts";

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
 * other until `tx` ends; only two that both create it do not, and the later one gets a `ConcurrencyError`.
 * Where the stream is closed, a command that would make something happen fails with a `RejectedError`.
 * A command that is told again is recognised by its events; where it had none, it is decided again.
 */
export async function decide<Command, Told extends Event, State>(
  tx: Transaction,
  decider: Decider<Command, Told, State>,
  id: string,
  command: Command,
  { commandId, metadata }: DecideOptions = {},
): Promise<Decision<Told, State>> {
  const streamId = streamIdOf(decider, id);
  const firstEventId = commandId === undefined ? null : eventId(streamId, commandId, 0);
  const before = await loadForDecision(tx, decider, streamId, firstEventId);
  if (commandId !== undefined && before.repeatedFrom !== undefined) {
    return firstResult(tx, decider, streamId, { commandId, from: before.repeatedFrom });
  }
  const entries = toEntries(streamId, inPresentVersion(decider, decider.decide(command, before.state)), commandId);
  const state = entries.reduce((folded, event) => decider.evolve(folded, event), before.state);
  const version = before.version + entries.length;
  const isSnapshotDue =
    entries.length > 0 && version - before.snapshotVersion >= (decider.snapshotEvery ?? Number.POSITIVE_INFINITY);
  const result = await appendTogether(tx, streamId, decider.type, entries, {
    expected: before.version,
    metadata: { ...causeOfThis(), ...metadata },
    snapshot: isSnapshotDue ? { state, stateVersion: decider.stateVersion ?? 1 } : undefined,
  });
  if (result.repeatedFrom === undefined) return { state, version, events: result.appended };
  return firstResult(tx, decider, streamId, { commandId: String(commandId), from: result.repeatedFrom });
}

export function inPresentVersion<Command, Told extends Event, State>(
  decider: Decider<Command, Told, State>,
  told: readonly Told[],
): Told[] {
  return told.map((event) => ({ ...event, schemaVersion: schemaVersionOf(decider, event.type) }));
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
  streamId: string,
  { commandId, from }: { readonly commandId: string; readonly from: number },
): Promise<Decision<Told, State>> {
  const stored = await readCommandEvents(tx, streamId, commandId, from);
  const events = stored.map((event) => upcast(decider, event));
  const { state, version } = await loadStateAt(tx, decider, streamId, from + events.length - 1);
  return { state, version, events };
}
