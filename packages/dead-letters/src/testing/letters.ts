import { orderCancelled } from "@throughline/contracts";
import { createEnvelope, type Envelope, RejectedError } from "@throughline/envelope";
import { migrations as inboxMigrations, on, onCall, type Reaction, startConsumer } from "@throughline/inbox";
import { openTestDatabase, testBrokers, uniqueName } from "@throughline/local/testing";
import { type Database, migrations as logMigrations, query } from "@throughline/log";
import { enqueue, migrations as outboxMigrations } from "@throughline/outbox";
import type { Transport } from "@throughline/transport";
import { rabbitmqTransport } from "@throughline/transport/rabbitmq";
import { vi } from "vitest";
import type { Desk } from "../desk.ts";
import { migrations, startDeadLetters } from "../index.ts";
import { findLetter, type Letter } from "../letter.ts";

/** The one type that these tests are about; its key is the order's id. */
export const type = orderCancelled.type;
export const group = "diary";
export const patience = { timeout: 30_000, interval: 20 };
/** These tests need the one broker of their machine on which a queue is cheap. */
export const isExcused = testBrokers.rabbitmq === undefined;

export function cancelled(orderId: string, reason: unknown = "changed my mind"): Envelope {
  return createEnvelope({ type, version: "1", key: orderId, data: { orderId, reason } }, { source: "order-service" });
}

export function rabbitmq(namespace: string): Transport {
  return rabbitmqTransport({ url: testBrokers.rabbitmq ?? "", namespace, onError: () => {} });
}

export type LetterOptions = {
  readonly parks?: readonly string[];
  readonly isDraining?: boolean;
  /** Makes the road under a namespace of its own. Default: RabbitMQ. */
  readonly roadIn?: (namespace: string) => Transport | Promise<Transport>;
  readonly third?: () => Promise<void>;
};

/** A database of its own with the tables of a service that consumes and publishes. */
export function openTables() {
  return openTestDatabase(logMigrations, inboxMigrations, outboxMigrations, migrations);
}

/** A group that notes why orders were cancelled, with its database, its road and its desk. */
export async function openLetters({ parks = [], isDraining = true, roadIn = rabbitmq, third }: LetterOptions = {}) {
  await using opening = new AsyncDisposableStack();
  const { database, url } = opening.use(await openTables());
  await database.execute("create table notes (number integer generated always as identity, text text not null)");
  const namespace = uniqueName("t");
  const road = await roadIn(namespace);
  const fault: { message: string | undefined } = { message: undefined };
  const note = async ({ data }: { data: { orderId: string; reason: string } }, tx: Parameters<typeof enqueue>[0]) => {
    if (fault.message !== undefined) throw new RejectedError(fault.message);
    await tx.transaction((savepoint) =>
      query(savepoint, "note", "insert into notes (text) values ($1)", [data.reason]),
    );
    await enqueue(tx, "diary", [{ type: "note.written", version: "1", key: data.orderId, data }]);
  };
  const reaction = third
    ? onCall(orderCancelled, third, (message, _, tx) => note(message, tx))
    : on(orderCancelled, note);
  const reactions: readonly Reaction[] = [reaction];
  const options = { from: [road], parks, onFailure: () => {}, retryDelayMs: 1 };
  const consumer = opening.use(await startConsumer(database, group, reactions, options));
  const publisher = opening.use(await road.connectPublisher());
  const groups = [{ group, types: [type], from: [road], parks }];
  const letters = isDraining ? opening.use(await startDeadLetters(database, { groups })) : undefined;
  const opened = opening.move();
  const desk: Desk = {
    ...{ service: "diary", database, road: async () => road, publisher: async () => publisher },
    reactionsOf: async () => reactions,
  };
  return {
    ...{ database, url, namespace, road, fault, consumer, groups, desk, letters },
    publish: (...envelopes: Envelope[]) => publisher.publish(envelopes),
    notes: async () =>
      (await query<{ text: string }>(database, "notes", "select text from notes order by number")).map(
        (row) => row.text,
      ),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Resolves once there are so many letters. That the last number is there says nothing of those before, which may come later. */
export async function lettersWhen(database: Database, count: number): Promise<void> {
  const text = "select count(*)::int as letters from dead_letters";
  await vi.waitUntil(async () => {
    const [row] = await query<{ letters: number }>(database, "letters", text);
    return row?.letters === count;
  }, patience);
}

/** The letter with that number, as soon as it is as described. */
export async function letterWhen(
  database: Database,
  number: number,
  isRight: (letter: Letter) => boolean = () => true,
): Promise<Letter> {
  let letter: Letter | undefined;
  await vi.waitUntil(async () => {
    letter = await findLetter(database, number);
    return letter !== undefined && isRight(letter);
  }, patience);
  if (letter === undefined) throw new Error(`There is no letter ${number}`);
  return letter;
}
