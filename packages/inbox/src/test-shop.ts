import { createEnvelope, type Envelope, RejectedError } from "@throughline/envelope";
import { uniqueName } from "@throughline/local/testing";
import { type Database, query, type Transaction } from "@throughline/log";
import { memoryTransport } from "@throughline/transport/memory";
import { on, type Reaction, startConsumer } from "./index.ts";
import { addEffect, effectsOf, noted, openTestInbox } from "./test-inbox.ts";

export const other = { ...noted, type: "note.read" };
export const parks = [noted.type];

export const onFailure = () => undefined;

export function about(key: string, text: string, type = noted.type): Envelope {
  return createEnvelope({ type, version: "1", key, data: { text } }, { source: "test" });
}

export async function openShop({ timeoutMs = 30_000 } = {}) {
  const inbox = await openTestInbox();
  const road = memoryTransport();
  const refused = new Set<string>();
  const roomless = new Set<string>();
  const failures = new Map<string, number>();
  const name = uniqueName("diary");
  const write: Reaction[] = [noted, other].map((contract) =>
    on(contract, async ({ id, data }, tx) => {
      if (refused.has(id)) throw new RejectedError("refused\0");
      if (roomless.has(id)) throw Object.assign(new Error("No space left on device"), { code: "53100" });
      const left = failures.get(id) ?? 0;
      failures.set(id, left - 1);
      if (left > 0) throw new Error("not now");
      await addEffect(tx, name, data.text);
    }),
  );
  const options = { from: [road], parks, onFailure, timeoutMs, retryDelayMs: 1 };
  const consumer = await startConsumer(inbox.database, name, write, options);
  return {
    ...{ database: inbox.database, road, refused, roomless, failures, consumer },
    another: () => startConsumer(inbox.database, name, write, options),
    effects: () => effectsOf(inbox.database, name),
    async [Symbol.asyncDispose]() {
      await consumer[Symbol.asyncDispose]();
      await inbox[Symbol.asyncDispose]();
    },
  };
}

export async function pass(database: Database | Transaction, { key, id }: Envelope): Promise<void> {
  const text = "select inbox_pass(consumer, $1, $2) from inbox_parked_keys where key = $1";
  await query(database, "pass", text, [key, id]);
}

export async function leftOver(database: Database): Promise<number> {
  const text =
    "select (select count(*) from inbox_parked)::int + (select count(*) from inbox_parked_keys)::int as left";
  return (await query<{ left: number }>(database, "left", text))[0]?.left ?? 0;
}
