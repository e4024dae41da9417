import { once } from "node:events";
import { type Database, query } from "@throughline/log";
import { expect, test, vi } from "vitest";
import { startRelay } from "./index.ts";
import { createBroker, numbersTo, openOutbox, tell, told } from "./outbox-under-test.ts";
import { maintainPartitions } from "./partitions.ts";
import { batchSize, firstTimes, startProcess } from "./process-under-test.ts";

const soon = { timeout: 20_000, interval: 5 };

test("what a killed relay published and did not note is published again, with the same ids", async () => {
  await using outbox = await openOutbox();
  for (const _ of numbersTo(12)) await tell(outbox.database, told("a"));
  await using killed = startProcess(outbox.url, { fate: "kill" });
  await once(killed.child, "exit");
  expect(killed.child.signalCode).toBe("SIGKILL");
  expect(killed.published.map(({ sequence }) => sequence)).toEqual(numbersTo(batchSize));

  const broker = createBroker();
  await using _ = await startRelay(outbox.database, { to: [broker], leaseMs: 500 });
  await vi.waitUntil(() => broker.received.length === 12, soon);
  expect(broker.received.slice(0, 5).map(({ id }) => id)).toEqual(killed.published.map(({ id }) => id));
  expect(firstTimes([...killed.published, ...broker.received])).toEqual(numbersTo(12));
});

test.each([
  ...["log_limit", "log_claim_cursor", "outbox_parked_keys", "outbox_read", "log_move_cursor", "log_renew_cursor"],
  ...["outbox_park", "log_move_cursor after outbox_park", "commit after outbox_park", "outbox_next_due"],
  ...["outbox_note_destination", "outbox_narrow_destination", "log_open_cursors", "log_count_lanes"],
  ...["outbox_default_in_use", "outbox_passed"],
  ...["outbox_due_keys", "outbox_due_rows", "outbox_unpark", "outbox_bury", "outbox_delay_keys", "outbox_release_keys"],
  ...["log_move_cursor after outbox_unpark", "commit after outbox_unpark"],
])("what is left when a relay dies before its first %s goes on in order, and nothing is lost", async (statement) => {
  await using outbox = await openOutbox();
  await tell(outbox.database, ...numbersTo(12).map(() => told("a")));
  await using killed = startProcess(outbox.url, { fate: statement });
  await leavesAll(outbox.database, killed);
});

test.each([
  ["log_release_cursor", 1],
  ["outbox_count_relays", 2],
  ["outbox_leave", 2],
])("so it is when it dies before its first %s, as it stops or where it has %i lanes", async (statement, lanes) => {
  await using outbox = await openOutbox();
  await tell(outbox.database, ...numbersTo(12).map(() => told("a")));
  await using killed = startProcess(outbox.url, { fate: statement, lanes });
  if (statement !== "outbox_count_relays") {
    await vi.waitUntil(() => killed.published.length > 0, soon);
    killed.child.kill("SIGTERM");
  }
  await leavesAll(outbox.database, killed, lanes);
});

test("a relay that dies as it makes partitions beside a default one that is in use leaves nothing in the way of writers", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  await query(database, "start_at", "select setval('outbox_position_seq', 2_000_000)");
  await tell(database, told("a"));
  await using killed = startProcess(outbox.url, { fate: "attach partition" });
  if (killed.child.signalCode === null) await once(killed.child, "close");
  const constraint = "select conname from pg_constraint where conname = 'outbox_default_apart'";
  expect(await query(database, "apart", constraint)).toHaveLength(1);
  await maintainPartitions(database, { partitionRows: 1_000_000, replayWindowMs: 60_000 });
  expect(await query(database, "apart", constraint)).toEqual([]);
});

/** After the death of the process, what it had not published leaves by another relay. */
async function leavesAll(database: Database, killed: ReturnType<typeof startProcess>, lanes = 1): Promise<void> {
  if (killed.child.signalCode === null) await once(killed.child, "close");
  expect(killed.child.signalCode).toBe("SIGKILL");
  const broker = createBroker();
  const published = () => firstTimes([...killed.published, ...broker.received]);
  await using _ = await startRelay(database, { to: [broker], lanes, leaseMs: 500, onError: () => {} });
  await vi.waitUntil(() => published().length === 12, soon);
  expect(published()).toEqual(numbersTo(12));
}
