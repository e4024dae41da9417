import { connect } from "@throughline/local/testing";
import { moveCursor } from "@throughline/log";
import { expect, test } from "vitest";
import { numbersTo, openOutbox, openTransaction, tell, told } from "./outbox-under-test.ts";
import { maintainPartitions } from "./partitions.ts";
import { claim, count, large, readPartitions, small, startAt } from "./partitions-under-test.ts";

test("partitions are made ahead of the writers", async () => {
  await using outbox = await openOutbox();
  await startAt(outbox.database, 1_000_000);
  await maintainPartitions(outbox.database, small);
  expect(await readPartitions(outbox.database)).toEqual([
    "outbox_default",
    "outbox_p1",
    "outbox_p1000001",
    "outbox_p1000011",
  ]);
  for (const _ of numbersTo(15)) await tell(outbox.database, told("a"));
  expect(await count(outbox.database, "outbox_p1000001")).toBe(10);
  expect(await count(outbox.database, "outbox_p1000011")).toBe(5);
});

test("a partition that every destination has passed is dropped whole, once the replay window has left it", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  await startAt(database, 999_995);
  await maintainPartitions(database, small);
  for (const _ of numbersTo(10)) await tell(database, told("a"));
  const [slow, fast] = [await claim(database, "slow"), await claim(database, "fast")];
  await moveCursor(database, fast, 1_000_005);
  await maintainPartitions(database, small);
  expect(await readPartitions(database)).toContain("outbox_p1");
  await moveCursor(database, slow, 1_000_001);
  await maintainPartitions(database, { ...small, replayWindowMs: 3_600_000 });
  expect(await readPartitions(database)).toContain("outbox_p1");
  await maintainPartitions(database, small);
  expect(await readPartitions(database)).not.toContain("outbox_p1");
  expect(await count(database, "outbox")).toBe(5);
});

test("while another relay is at the partitions, they are left to it", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  await startAt(database, 1_000_001);
  await maintainPartitions(database, small);
  await moveCursor(database, await claim(database, "only"), 1_000_001);
  const other = await openTransaction(database);
  await other.tx.execute("select pg_advisory_xact_lock(hashtextextended('throughline.outbox.partitions', 0))");
  await maintainPartitions(database, small);
  expect(await readPartitions(database)).toContain("outbox_p1");
  await other.commit();
  await maintainPartitions(database, small);
  expect(await readPartitions(database)).not.toContain("outbox_p1");
});

test("without a destination nothing is dropped", async () => {
  await using outbox = await openOutbox();
  await startAt(outbox.database, 1_000_001);
  await maintainPartitions(outbox.database, small);
  expect(await readPartitions(outbox.database)).toContain("outbox_p1");
});

test("what came past the last partition is kept, and later emptied", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  await startAt(database, 2_000_000);
  await tell(database, told("a"));
  expect(await count(database, "outbox_default")).toBe(1);
  await maintainPartitions(database, small);
  await tell(database, ...numbersTo(11).map(() => told("a")));
  expect(await count(database, "outbox_default")).toBe(10);
  expect(await count(database, "outbox_p2000011")).toBe(2);
  await moveCursor(database, await claim(database, "test"), 2_000_010);
  await maintainPartitions(database, small);
  expect(await count(database, "outbox_default")).toBe(0);
  expect(await count(database, "outbox")).toBe(2);
});

test("partitions are made without reading a default one that is full, while nobody may write to it", async () => {
  await using outbox = await openOutbox();
  const { database, url } = outbox;
  await startAt(database, 2_000_000);
  await tell(database, told("a"));
  await using talkative = connect(`${url}?options=-c%20client_min_messages%3Ddebug1`);
  const notices: (string | undefined)[] = [];
  talkative.pool.on("connect", (client) => client.on("notice", ({ message }) => notices.push(message)));
  await maintainPartitions(talkative.database, small);
  expect(await readPartitions(database)).toContain("outbox_p2000011");
  expect(notices).toContain(
    'updated partition constraint for default partition "outbox_default" is implied by existing constraints',
  );
});

test("a default partition is emptied, however much it holds", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  await startAt(database, 2_000_000);
  await database.execute(`insert into outbox (key, type, id, version, "timestamp", source, sequence, correlation_id, wire)
    select 'k', 'order.created', n, '1', '', '', n, '', '' from generate_series(1, 20001) n`);
  await moveCursor(database, await claim(database, "test"), 2_020_000);
  await maintainPartitions(database, large);
  expect(await count(database, "outbox_default")).toBe(1);
});
