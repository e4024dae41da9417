import { type Database, query } from "@throughline/log";
import { expect, test } from "vitest";
import { handleOnce } from "./index.ts";
import { dayOf, maintainPartitions } from "./retention.ts";
import { note, openTestInbox, remembered } from "./test-inbox.ts";

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
  await Promise.all(Array.from({ length: 4 }, () => maintainPartitions(inbox.database)));
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

test("the default partition is cleaned as well", async () => {
  await using inbox = await openTestInbox();
  await handleOnce(inbox.database, "c", noteAt(-10), async () => undefined);
  await maintainPartitions(inbox.database, { retentionDays: 3 });
  expect(await remembered(inbox.database, "c")).toBe(0);
});
