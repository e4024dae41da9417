import { expect } from "vitest";
import { type AccountCommand, AccountError, accounts } from "../account.ts";
import { ConcurrencyError, type DecideOptions, type Decider, type Event } from "../index.ts";
import type { EventStore } from "./event-store.ts";
import { upTo } from "./notes.ts";
import type { StoreCase } from "./suite.ts";

const tell = (store: EventStore, id: string, command: AccountCommand, options?: DecideOptions) =>
  store.decide(accounts, id, command, options);
const deposit = (store: EventStore, id: string, cents: number, options?: DecideOptions) =>
  tell(store, id, { type: "deposit", cents }, options);

export const decideCases: readonly StoreCase[] = [
  {
    name: "twenty commands to one entity at once wait for each other, and none fails",
    async run(store, id) {
      await deposit(store, id, 1_000);
      const decisions = await Promise.all(upTo(20).map(() => tell(store, id, { type: "withdraw", cents: 30 })));
      const versions = decisions.map(({ version }) => version).sort((a, b) => a - b);
      expect(versions).toEqual(upTo(21).slice(1));
      expect(await store.loadState(accounts, id)).toMatchObject({ state: { cents: 400 }, version: 21 });
    },
  },
  {
    name: "a rule holds against twenty commands at once",
    async run(store, id) {
      await deposit(store, id, 100);
      const withdraw = () => tell(store, id, { type: "withdraw", cents: 30 });
      const outcomes = await Promise.allSettled(upTo(20).map(withdraw));
      const errors = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
      expect(errors).toHaveLength(17);
      for (const error of errors) expect(error).toBeInstanceOf(AccountError);
    },
  },
  {
    name: "of twenty commands that create an entity at once, those that are refused succeed when they decide again",
    async run(store, id) {
      const depositAgain = async (): Promise<void> => {
        try {
          await deposit(store, id, 1);
        } catch (error) {
          expect(error).toBeInstanceOf(ConcurrencyError);
          await depositAgain();
        }
      };
      await Promise.all(upTo(20).map(depositAgain));
      expect(await store.loadState(accounts, id)).toMatchObject({ state: { cents: 20 }, version: 20 });
    },
  },
  {
    name: "a command that changes nothing leaves nothing",
    async run(store, id) {
      expect(await deposit(store, id, 0)).toEqual({ state: accounts.initialState, version: 0, events: [] });
      expect(await store.readStream(`account-${id}`)).toEqual([]);
    },
  },
  {
    name: "a forbidden command leaves nothing",
    async run(store, id) {
      await expect(tell(store, id, { type: "withdraw", cents: 1 })).rejects.toThrow(AccountError);
      expect(await store.loadState(accounts, id)).toEqual({ state: accounts.initialState, version: 0 });
    },
  },
  {
    name: "a repeated command returns its first result, although others came since and it would now be forbidden",
    async run(store, id) {
      await deposit(store, id, 100);
      const first = await tell(store, id, { type: "withdraw", cents: 60 }, { commandId: "c-1" });
      await deposit(store, id, 1, { commandId: "c-2" });
      expect(await tell(store, id, { type: "withdraw", cents: 60 }, { commandId: "c-1" })).toEqual(first);
      expect(await store.loadState(accounts, id)).toMatchObject({ state: { cents: 41 }, version: 3 });
    },
  },
  {
    name: "a command that is told twenty times at once happens once, and creates once",
    async run(store, id) {
      const tellAgain = () => tell(store, id, { type: "deposit", cents: 5, note: "hello" }, { commandId: "c-1" });
      const decisions = await Promise.all(upTo(20).map(tellAgain));
      for (const decision of decisions) expect(decision).toEqual(decisions[0]);
      const state = { cents: 5, notes: ["hello"] };
      expect(await store.loadState(accounts, id)).toEqual({ state, version: 2 });
    },
  },
  {
    name: "data that is not JSON is seen as JSON at once, and not only after a restart",
    async run(store, id) {
      const clocks: Decider<object, Event, unknown> = {
        type: "clock",
        initialState: undefined,
        decide: () => [{ type: "struck", data: new Date(0) }],
        evolve: (_, event) => event.data,
      };
      const { state } = await store.decide(clocks, id, {});
      expect(state).toBe("1970-01-01T00:00:00.000Z");
      expect(await store.loadState(clocks, id)).toMatchObject({ state });
    },
  },
];
