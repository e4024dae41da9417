import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { AccountEvent } from "./account.ts";
import { type AccountCommand, accounts } from "./account.ts";
import { goldenCases, type Makings } from "./testing.ts";

const golden = join(import.meta.dirname, "../golden");
const deposit: AccountCommand = { type: "deposit", cents: 900, note: "salary" };
const makings: Makings<AccountCommand, AccountEvent> = {
  deposited: [deposit],
  noted: [deposit],
  withdrawn: [deposit, { type: "withdraw", cents: 300 }],
};

test.each(goldenCases(accounts, golden, makings))("$name", ({ run }) => run());

/** The names of the cases that fail for this decider, on golden files that `spoil` may change. */
async function failing(decider: typeof accounts, spoil: (folder: string) => Promise<void> = async () => undefined) {
  const folder = await mkdtemp(join(tmpdir(), "golden-"));
  try {
    await cp(golden, folder, { recursive: true });
    await spoil(folder);
    return goldenCases(decider, folder, makings).flatMap(({ name, run }) => {
      try {
        run();
        return [];
      } catch {
        return [name];
      }
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

const completeness = "every version of every event of account has its golden file, and no file is left over";

const stateIsGolden = "a kept state of account is JSON, and is what its golden file says";

test("a version without a golden file is found, and so is a file without a version", async () => {
  const lost = await failing(accounts, (folder) => rm(join(folder, "deposited.1.json")));
  expect(lost).toEqual([completeness, "deposited of version 1 is read as its golden file says"]);
  const leftOver = await failing(accounts, (folder) => writeFile(join(folder, "deposited.3.json"), "{}"));
  expect(leftOver).toEqual([completeness]);
});

test("a new version is found that nobody wrote a golden file for", async () => {
  const again = { ...accounts, upcasters: { ...accounts.upcasters, noted: [(data: object) => data] } };
  expect(await failing(again)).toEqual([
    completeness,
    "noted of version 2 is read as its golden file says",
    "noted is written as its newest golden file says",
  ]);
});

test("a step that reads otherwise than it did is found", async () => {
  const careless = { ...accounts, upcasters: { deposited: [({ euros }: { euros: number }) => ({ cents: euros })] } };
  expect(await failing(careless)).toEqual(["deposited of version 1 is read as its golden file says"]);
});

test("data in a new shape without a new version is found", async () => {
  const careless: typeof accounts = {
    ...accounts,
    decide: (...told) =>
      accounts.decide(...told).map((event) => ({ ...event, data: { ...event.data, ...{ by: "me" } } }) as typeof event),
  };
  expect(await failing(careless)).toEqual([
    "deposited is written as its newest golden file says",
    "noted is written as its newest golden file says",
    "withdrawn is written as its newest golden file says",
  ]);
});

test("a state that comes out otherwise, without a new version, is found", async () => {
  const kept = { ...accounts, snapshotEvery: 1 };
  const write = (version: number) => (folder: string) => writeFile(join(folder, `state.${version}.json`), states);
  const cents = (left: number) => ({ cents: left, notes: ["salary"] });
  const states = JSON.stringify({ deposited: cents(900), noted: cents(900), withdrawn: cents(600) });
  expect(await failing(kept, write(1))).toEqual([]);
  const changed: typeof accounts = { ...kept, initialState: { cents: 1, notes: [] } };
  expect(await failing(changed, write(1))).toEqual([stateIsGolden]);
  expect(await failing({ ...kept, stateVersion: 2 }, write(1))).toEqual([completeness, stateIsGolden]);
  expect(await failing({ ...kept, stateVersion: 2 }, write(2))).toEqual([]);
});

test("a state that JSON cannot keep is found", async () => {
  const forgetful = { ...accounts, snapshotEvery: 1, initialState: { ...accounts.initialState, since: new Date(0) } };
  const state = { cents: 900, notes: ["salary"], since: "1970-01-01T00:00:00.000Z" };
  const states = JSON.stringify({ deposited: state, noted: state, withdrawn: { ...state, cents: 600 } });
  expect(await failing(forgetful, (folder) => writeFile(join(folder, "state.1.json"), states))).toEqual([
    stateIsGolden,
  ]);
});
