import { connect } from "@throughline/local/testing";
import { type Database, query } from "@throughline/log";
import { expect, test } from "vitest";
import { handleOnce } from "./index.ts";
import { startMaintenance } from "./maintenance.ts";
import { maintainPartitions } from "./partitions.ts";
import { dayOf } from "./retention.ts";
import { note, openTestInbox, remembered } from "./test-inbox.ts";

/** Others were in the way. */
const isLocked = { cause: { code: "55P03" } };
const at = (days: number) => new Date(Date.now() + days * 24 * 60 * 60 * 1_000).toISOString();
const noteAt = (days: number) => ({ ...note("a"), timestamp: at(days) });
const partitionOf = (days: number) => `processed_messages_${dayOf(noteAt(days)).replaceAll("-", "")}`;

async function partitions(database: Database): Promise<string[]> {
  const text = `select inhrelid::regclass::text as name from pg_inherits
    where inhparent = 'processed_messages'::regclass order by name`;
  return (await query<{ name: string }>(database, "partitions", text)).map(({ name }) => name);
}

async function holderOf(database: Database, id: string): Promise<string | undefined> {
  const text = "select tableoid::regclass::text as name from processed_messages where message_id = $1";
  return (await query<{ name: string }>(database, "holder", text, [id]))[0]?.name;
}

test("partitions are made for the days kept and for a week ahead, by any number of processes at once", async () => {
  await using inbox = await openTestInbox();
  const atOnce = await Promise.allSettled(Array.from({ length: 4 }, () => maintainPartitions(inbox.database)));
  for (const each of atOnce) if (each.status === "rejected") expect(each.reason).toMatchObject(isLocked);
  await maintainPartitions(inbox.database);
  const names = await partitions(inbox.database);
  expect(names).toHaveLength(30 + 2 + 1 + 7 + 1);
  for (const days of [-32, -30, 0, 7]) expect(names).toContain(partitionOf(days));
  for (const days of [-29, 0, 6]) {
    const envelope = noteAt(days);
    await handleOnce(inbox.database, "c", envelope, async () => undefined);
    expect(await holderOf(inbox.database, envelope.id)).toBe(partitionOf(days));
  }
});

test("days that are no longer kept are dropped whole", async () => {
  await using inbox = await openTestInbox();
  await maintainPartitions(inbox.database);
  for (const days of [-6, -2]) await handleOnce(inbox.database, "c", noteAt(days), async () => undefined);
  await maintainPartitions(inbox.database, { retentionDays: 3 });
  const names = await partitions(inbox.database);
  expect(names).not.toContain(partitionOf(-6));
  expect(names).toContain(partitionOf(-5));
  expect(await remembered(inbox.database, "c")).toBe(1);
});

test("a message of an odd day is remembered too, and does not stop the partitions of its day", async () => {
  await using inbox = await openTestInbox();
  const odd = noteAt(3);
  expect(await handleOnce(inbox.database, "c", odd, async () => undefined)).toBe("handled");
  expect(await holderOf(inbox.database, odd.id)).toBe("processed_messages_default");
  await maintainPartitions(inbox.database);
  const names = await partitions(inbox.database);
  expect(names).toContain(partitionOf(2));
  expect(names).not.toContain(partitionOf(3));
  expect(await handleOnce(inbox.database, "c", odd, async () => undefined)).toBe("duplicate");
});

test("the default partition is cleaned as well, however much it holds", async () => {
  await using inbox = await openTestInbox();
  await inbox.database.execute(`insert into processed_messages (consumer, message_id, message_day)
    select 'c', gen_random_uuid(), current_date - 10 from generate_series(1, 20001)`);
  await maintainPartitions(inbox.database, { retentionDays: 3 });
  expect(await remembered(inbox.database, "c")).toBe(0);
});

test.each([partitionOf(-32), "processed_messages_default"])(
  "while a drop waits for a reader of %s, no message waits",
  async (read) => {
    await using inbox = await openTestInbox();
    const { database } = inbox;
    await maintainPartitions(database);
    await using impatient = connect(`${inbox.url}?options=-c%20lock_timeout%3D1ms`);
    await database.transaction(async (reader) => {
      await reader.execute(`select from ${read}`);
      const dropping = maintainPartitions(database, { retentionDays: 3 });
      await whileWaiting(dropping, () => handleOnce(impatient.database, "c", noteAt(0), async () => undefined));
      await expect(dropping).rejects.toMatchObject(isLocked);
    });
  },
);

test("a slow handler keeps old days from being dropped until the next time, and no message waits for long", async () => {
  await using inbox = await openTestInbox();
  const { database } = inbox;
  await maintainPartitions(database);
  await using impatient = connect(`${inbox.url}?options=-c%20lock_timeout%3D1s`);
  await handleOnce(database, "c", noteAt(0), async () => {
    const dropping = maintainPartitions(database, { retentionDays: 3 });
    await whileWaiting(dropping, () => handleOnce(impatient.database, "c", noteAt(0), async () => undefined));
    await expect(dropping).rejects.toMatchObject(isLocked);
  });
  await maintainPartitions(database, { retentionDays: 3 });
  expect(await partitions(database)).not.toContain(partitionOf(-6));
});

test("maintenance that finds others in its way at the start says so, and is tried again", async () => {
  await using inbox = await openTestInbox();
  const errors: Error[] = [];
  await handleOnce(inbox.database, "c", noteAt(40), async () => {
    const options = { retentionDays: 30, onError: (error: Error) => void errors.push(error) };
    await using _ = await startMaintenance(inbox.database, options);
  });
  expect(errors).toMatchObject([{ message: expect.stringContaining("until next time"), cause: isLocked }]);
});

/** Does something again and again until it is over, well or not. */
async function whileWaiting(waited: Promise<unknown>, work: () => Promise<unknown>): Promise<void> {
  let isOver = false;
  const end = () => {
    isOver = true;
  };
  waited.then(end, end);
  while (!isOver) await work();
}
