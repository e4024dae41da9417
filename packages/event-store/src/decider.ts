import type { Event } from "./recorded-event.ts";

/** The rules of one kind of entity: pure functions, no I/O, no clock. */
export type Decider<Command, Told extends Event, State> = {
  /** Names the kind of entity, and begins the stream ids: `order`. */
  readonly type: string;
  /** What this command makes happen, in this state; throws where the rules forbid it. No events: nothing happens. */
  decide(command: Command, state: State): readonly Told[];
  /** The state after the event. Total: whatever happened, happened. */
  evolve(state: State, event: Told): State;
  readonly initialState: State;
  /**
   * By event type, what became of its data: the first step makes version 2 of version 1, and so on. Events are written in
   * the version after the last step, and read in it, whatever their own. Default: every event is of version 1.
   */
  readonly upcasters?: { readonly [Type in Told["type"]]?: readonly Upcaster[] };
  /** Events after which the folded state, which must then be JSON, is kept in the stream's row. Default: never. */
  readonly snapshotEvery?: number;
  /** Raise it whenever `State` or `evolve` changes: a kept state of another version is not used. Default: 1. */
  readonly stateVersion?: number;
};

/** Data in one shape becomes data in the next; total, since what is written cannot be refused any more. */
export type Upcaster = (data: never) => unknown;

/** An event as it is stored, perhaps years ago. */
export type StoredEvent = { readonly type: string; readonly schemaVersion: number; readonly data: unknown };

export function streamIdOf(decider: { readonly type: string }, id: string): string {
  return `${decider.type}-${id}`;
}
