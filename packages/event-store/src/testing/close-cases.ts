import { RejectedError } from "@throughline/envelope";
import { expect } from "vitest";
import { accounts } from "../account.ts";
import { ConcurrencyError } from "../index.ts";
import { append, upTo, versionsOf } from "./notes.ts";
import type { StoreCase } from "./suite.ts";

export const closeCases: readonly StoreCase[] = [
  {
    name: "a closed stream keeps its history and takes nothing more, whatever is expected",
    async run(store, id) {
      const history = await append(store, id, ["a", "b"], { expected: "no-stream" });
      await store.closeStream(id, { expected: 2 });
      for (const expected of ["any", "no-stream", "stream-exists", 0, 1, 2, 3] as const) {
        const error = await append(store, id, ["c"], { expected }).catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(RejectedError);
        expect(error).toMatchObject({ message: `Stream ${id} is closed` });
      }
      expect(await store.readStream(id)).toEqual(history);
    },
  },
  {
    name: "a stream that is missing or has moved on is not closed, and its writers are told nothing of it",
    async run(store, id) {
      for (const expected of [1, "stream-exists"] as const) {
        const error = await store.closeStream(id, { expected }).catch((reason: unknown) => reason);
        expect(error).toMatchObject({ name: "ConcurrencyError", streamId: id, expected, actual: 0 });
      }
      await append(store, id, ["a", "b"], { expected: "no-stream" });
      await expect(store.closeStream(id, { expected: 1 })).rejects.toThrow(ConcurrencyError);
      await append(store, id, ["c"], { expected: 2 });
    },
  },
  {
    name: "what is closed may be closed again",
    async run(store, id) {
      await append(store, id, ["a"], { expected: "no-stream" });
      await store.closeStream(id, { expected: "stream-exists" });
      for (const expected of [1, 7, "stream-exists"] as const) await store.closeStream(id, { expected });
    },
  },
  {
    name: "a command that was told before the end is answered with its first result after it",
    async run(store, id) {
      const tell = () => append(store, id, ["a", "b"], { expected: "no-stream", commandId: "c-1" });
      const deposit = () => store.decide(accounts, id, { type: "deposit", cents: 9 }, { commandId: "c-2" });
      const [told, deposited] = [await tell(), await deposit()];
      for (const streamId of [id, `account-${id}`]) await store.closeStream(streamId, { expected: "stream-exists" });
      expect(await tell()).toEqual(told);
      expect(await deposit()).toEqual(deposited);
    },
  },
  {
    name: "of a closed entity the state is read, and only commands that would change it fail",
    async run(store, id) {
      const deposit = (cents: number) => store.decide(accounts, id, { type: "deposit", cents });
      await deposit(9);
      await store.closeStream(`account-${id}`, { expected: 1 });
      await expect(deposit(1)).rejects.toThrow(RejectedError);
      const state = { cents: 9, notes: [] };
      expect(await deposit(0)).toEqual({ state, version: 1, events: [] });
      expect(await store.loadState(accounts, id)).toEqual({ state, version: 1 });
    },
  },
  {
    name: "nothing comes after the end, however many write while the stream is closed",
    async run(store, id) {
      await append(store, id, ["first"], { expected: "no-stream" });
      const write = () => append(store, id, ["a"], { expected: "any" });
      const close = () => store.closeStream(id, { expected: "stream-exists" });
      const writing = [...upTo(10).map(write), close(), ...upTo(10).map(write)];
      const outcomes = await Promise.allSettled(writing);
      const refused = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
      for (const error of refused) expect(error).toBeInstanceOf(RejectedError);
      expect(await versionsOf(store, id)).toEqual(upTo(21 - refused.length));
      await expect(write()).rejects.toThrow(RejectedError);
    },
  },
];
