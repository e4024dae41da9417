import { type Envelope, type Message, serializeEnvelope } from "@throughline/envelope";
import { openTestDatabase } from "@throughline/local/testing";
import { type Database, migrations as logMigrations, query, type Transaction } from "@throughline/log";
import { PublishError, type PublishFailure, type Transport } from "@throughline/transport";
import { enqueue, migrations } from "./index.ts";

/** A database of its own with an empty outbox in it. */
export function openOutbox(): Promise<{ readonly database: Database; readonly url: string } & AsyncDisposable> {
  return openTestDatabase(logMigrations, migrations);
}

export function told(key: string, data: unknown = {}, type = "order.created"): Message {
  return { type, version: "1", key, data };
}

export function tell(database: Database, ...messages: Message[]): Promise<void> {
  return database.transaction((tx) => enqueue(tx, "order-service", messages));
}

/** Written before the transaction ends, since a savepoint does. */
export function tellEarly(tx: Transaction, ...messages: Message[]): Promise<void> {
  return tx.transaction((inner) => enqueue(inner, "order-service", messages));
}

/** A transaction that stays open until told, so that a test decides who commits when. */
export async function openTransaction(
  database: Database,
): Promise<{ readonly tx: Transaction; commit(): Promise<void> }> {
  const opened = Promise.withResolvers<Transaction>();
  const end = Promise.withResolvers<void>();
  const done = database.transaction(async (tx) => {
    opened.resolve(tx);
    await end.promise;
  });
  done.catch(opened.reject);
  return {
    tx: await opened.promise,
    async commit() {
      end.resolve();
      await done;
    },
  };
}

export async function readWires(database: Database): Promise<string[]> {
  const rows = await query<{ wire: string }>(database, "wires", "select wire from outbox order by position");
  return rows.map(({ wire }) => wire);
}

/** What a broker says to an envelope: undefined for yes. */
export type Answer = "refused" | "unknown" | undefined;

export type Broker = {
  readonly transport: Transport;
  /** In the order of their arrival, duplicates included. */
  readonly received: Envelope[];
  readonly wires: string[];
  /** How it answers from now on. Default: yes. */
  answer: (envelope: Envelope) => Answer;
  /** Awaited before each publish. Default: nothing. */
  before: (envelopes: readonly Envelope[]) => Promise<void>;
};

/** A broker that keeps the order per key, as the contract of `Publisher` asks, and fails on demand. */
export function createBroker(name = "test"): Broker {
  const broker: Broker = {
    transport: {
      name,
      destinationOf: (type) => ({ system: "memory", destination: `dev.${type}` }),
      connectPublisher: async () => ({
        async publish(envelopes) {
          await broker.before(envelopes);
          const failures = envelopes.reduce((failed, envelope) => receive(broker, envelope, failed), new Map());
          if (failures.size > 0) throw new PublishError([...failures.values()].flat());
        },
        async [Symbol.asyncDispose]() {},
      }),
      connectSubscriber: nobodySubscribes,
      backlog: nobodySubscribes,
      deadLetters: { drain: nobodySubscribes, redeliver: nobodySubscribes },
    },
    received: [],
    wires: [],
    answer: () => undefined,
    before: async () => {},
  };
  return broker;
}

type FailuresByKey = Map<string, PublishFailure[]>;

function receive(broker: Broker, envelope: Envelope, failed: FailuresByKey): FailuresByKey {
  const before = failed.get(envelope.key);
  const answer = before ? "unknown" : broker.answer(envelope);
  if (answer === undefined) {
    broker.received.push(envelope);
    broker.wires.push(serializeEnvelope(envelope));
    return failed;
  }
  const failure = { id: envelope.id, refused: answer === "refused", cause: new Error(`${answer} by the broker`) };
  return failed.set(envelope.key, [...(before ?? []), failure]);
}

/** The sequences that arrived, by key. */
export function sequencesOf(received: readonly Envelope[]): Record<string, number[]> {
  const sequences: Record<string, number[]> = {};
  for (const { key, sequence } of received) {
    sequences[key] ??= [];
    sequences[key].push(sequence);
  }
  return sequences;
}

export function numbersTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

function nobodySubscribes(): Promise<never> {
  return Promise.reject(new Error("Nobody subscribes to this broker"));
}
