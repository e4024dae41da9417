import { deepStrictEqual, throws } from "node:assert/strict";
import type { Decider } from "./decider.ts";
import type { Event } from "./recorded-event.ts";

export type { EventStore } from "./testing/event-store.ts";
export { goldenCases, type Makings } from "./testing/golden.ts";
export { createMemoryStore } from "./testing/memory-store.ts";

/** What a decider does after some history, in a sentence: `given(orders, placed).when(cancel).then(cancelled)`. */
export function given<Command, Told extends Event, State>(
  decider: Decider<Command, Told, State>,
  ...history: readonly Told[]
) {
  const state = history.reduce((folded, event) => decider.evolve(folded, event), decider.initialState);
  return {
    when(command: Command) {
      return {
        /** Passes if the command makes exactly these events happen, in this order; none means nothing happens. */
        // biome-ignore lint/suspicious/noThenProperty: the language of deciders; whoever awaits it is told by a failure.
        then(...events: readonly Told[]): void {
          deepStrictEqual(decider.decide(command, state), events);
        },
        /** Passes if the decider forbids the command with this class of error. */
        thenThrows(errorClass: new (...parameters: never[]) => Error): void {
          throws(() => decider.decide(command, state), errorClass);
        },
      };
    },
  };
}
