import { type Database, query } from "@throughline/log";
import { expect, test } from "vitest";
import { startRelay } from "./index.ts";
import { readStates } from "./operation.ts";
import { createBroker, openOutbox, tell, told } from "./outbox-under-test.ts";

test("what waits is looked for in the next million positions, however far behind a destination is", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  await relayOnce(database, 1);
  await tell(database, told("a"));
  await query(database, "skip", "select setval('outbox_position_seq', 1_999_999)");
  await tell(database, told("a"));
  expect(await readStates(database)).toMatchObject([{ waiting: 1, lag: 2_000_000 }]);
});

test("the state of a destination tells its lag and its lanes, and that nobody has them", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  await relayOnce(database, 2);
  await tell(database, told("a"), told("b"), told("c"));
  const states = await readStates(database);
  expect(states).toMatchObject([
    {
      destination: "test",
      waiting: 3,
      oldestMs: expect.any(Number),
      lag: 3,
      byLane: [{ lag: 3 }, { lag: 3 }],
      lanes: 2,
      heldLanes: 0,
      parked: 0,
      parkedKeys: 0,
      dead: 0,
    },
  ]);
  const { oldestMs, byLane = [] } = states[0] ?? {};
  expect(byLane.reduce((sum, { waiting }) => sum + waiting, 0)).toBe(3);
  expect(Math.max(...byLane.map((lane) => lane.oldestMs))).toBe(oldestMs);
});

/** Makes the cursors of a destination, and leaves them alone. */
async function relayOnce(database: Database, lanes: number): Promise<void> {
  await using _ = await startRelay(database, { to: [createBroker()], lanes });
}
