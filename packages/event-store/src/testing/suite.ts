import { afterAll, beforeAll, describe, test } from "vitest";
import { closeCases } from "./close-cases.ts";
import { decideCases } from "./decide-cases.ts";
import type { EventStore } from "./event-store.ts";
import { expectationCases } from "./expectation-cases.ts";
import { raceCases } from "./race-cases.ts";
import { readCases } from "./read-cases.ts";
import { repeatCases } from "./repeat-cases.ts";

/** A promise of every event store, in a sentence, and its proof on the stream and entity of this id, which is new. */
export type StoreCase = { readonly name: string; readonly run: (store: EventStore, id: string) => Promise<void> };

export const suite: readonly StoreCase[] = [
  ...expectationCases,
  ...raceCases,
  ...repeatCases,
  ...closeCases,
  ...decideCases,
  ...readCases,
];

/** The definition of an event store: registers one test per case of the suite, all of them on one store. */
export function describeEventStore(name: string, open: () => Promise<{ store: EventStore } & AsyncDisposable>): void {
  describe(`${name} is an event store`, () => {
    let opened: Awaited<ReturnType<typeof open>>;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened[Symbol.asyncDispose]());
    test.each(suite.map((one, index) => ({ ...one, id: `e-${index}` })))("$name", ({ run, id }) =>
      run(opened.store, id),
    );
  });
}
