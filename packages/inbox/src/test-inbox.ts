import { createEnvelope, type Envelope, RejectedError } from "@throughline/envelope";
import { openTestDatabase, uniqueName } from "@throughline/local/testing";
import { type Database, query, type Transaction } from "@throughline/log";
import type { Transport } from "@throughline/transport";
import { vi } from "vitest";
import { migrations, type ReadableContract } from "./index.ts";

/** A database of its own with an empty inbox in it, and a table for effects. */
export async function openTestInbox() {
  const opened = await openTestDatabase(migrations);
  await opened.database.execute(
    "create table effects (number integer generated always as identity, consumer text, note text)",
  );
  return opened;
}

/** The contract of these tests. */
export const noted: ReadableContract<{ readonly text: string }> = {
  type: "note.written",
  version: "1",
  read(envelope) {
    const { data } = envelope;
    if (typeof data !== "object" || data === null || !("text" in data) || typeof data.text !== "string") {
      throw new RejectedError("Not a note");
    }
    return { ...envelope, data: { text: data.text } };
  },
};

export function note(text: string, key = uniqueName("k")): Envelope {
  return createEnvelope({ type: noted.type, version: noted.version, key, data: { text } }, { source: "test" });
}

export async function addEffect(tx: Transaction, consumer: string, text: string): Promise<void> {
  await query(tx, "add-effect", "insert into effects (consumer, note) values ($1, $2)", [consumer, text]);
}

/** The effects of a consumer that are committed, in the order in which they were made. */
export async function effectsOf(database: Database, consumer: string): Promise<string[]> {
  const text = "select note from effects where consumer = $1 order by number";
  return (await query<{ note: string }>(database, "effects-of", text, [consumer])).map((row) => row.note);
}

/** How many messages the consumer remembers. */
export async function remembered(database: Database, consumer: string): Promise<number> {
  const text = "select count(*)::integer as count from processed_messages where consumer = $1";
  return (await query<{ count: number }>(database, "remembered", text, [consumer]))[0]?.count ?? 0;
}

/** Waits for what a test is about, however slow the machine. */
export async function until(condition: () => boolean): Promise<void> {
  await vi.waitUntil(condition, { timeout: 20_000, interval: 5 });
}

export async function publish(transport: Transport, envelopes: readonly Envelope[]): Promise<void> {
  await using publisher = await transport.connectPublisher();
  await publisher.publish(envelopes);
}

/** Resolves for all when `parties` have come; whoever comes later does not wait. */
export function barrier(parties: number): () => Promise<void> {
  const all = Promise.withResolvers<void>();
  let arrived = 0;
  return () => {
    arrived += 1;
    if (arrived === parties) all.resolve();
    return all.promise;
  };
}
