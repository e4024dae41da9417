import { createEnvelope, type Envelope, RejectedError } from "@throughline/envelope";
import { openTestDatabase, uniqueName } from "@throughline/local/testing";
import { type Database, query, type Transaction } from "@throughline/log";
import type { Failure, Transport } from "@throughline/transport";
import { memoryTransport } from "@throughline/transport/memory";
import { vi } from "vitest";
import { type ConsumerOptions, migrations, on, type Reaction, type ReadableContract, startConsumer } from "./index.ts";

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

/** A group of its own on a broker of its own; the reactions are told its name. */
export async function startGroup(
  database: Database,
  reactionsOf: (group: string) => Reaction[],
  options: Partial<ConsumerOptions> = {},
) {
  const group = uniqueName("group");
  const transport = memoryTransport();
  const failures: Failure[] = [];
  const consumer = await startConsumer(database, group, reactionsOf(group), {
    from: [transport],
    attempts: 1,
    onFailure: (failure) => failures.push(failure),
    ...options,
  });
  return { group, transport, consumer, failures, [Symbol.asyncDispose]: () => consumer[Symbol.asyncDispose]() };
}

/** Messages of keys of their own, which may all be in flight at once. */
export const notes = (count: number) => Array.from({ length: count }, (_, index) => note(`${index}`));

/** The transaction of each message, to see who committed together. */
export const transactions = (group: string) =>
  on(noted, async (message, tx) => {
    if (message.data.text === "poison") throw new Error("cannot swallow that");
    await addTransactionId(tx, group);
  });

export async function addTransactionId(tx: Transaction, consumer: string): Promise<void> {
  const text = "insert into effects (consumer, note) values ($1, pg_current_xact_id()::text)";
  await query(tx, "add-transaction-id", text, [consumer]);
}
