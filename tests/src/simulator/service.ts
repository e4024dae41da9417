import { type Envelope, RejectedError } from "@throughline/envelope";
import { on, type Reaction, startConsumer } from "@throughline/inbox";
import { type Database, query, shareTransactions, type Transaction } from "@throughline/log";
import { enqueue, startRelay } from "@throughline/outbox";
import type { Publisher } from "@throughline/transport";
import { kafkaTransport } from "@throughline/transport/kafka";
import { drizzle } from "drizzle-orm/node-postgres";
import { attempts, idOf, type Plan, type PlannedOrder, type Temper, tries } from "./plan.ts";
import { type Postgres, SimulatedPool } from "./postgres/pool.ts";
import { setTimeout as delay } from "./timers-promises.ts";
import { actors, type World } from "./world.ts";

export type ServiceName = "order" | "billing";

/** What each service receives, and whether it tells of it. */
export const consumers = [
  { service: "billing", group: "billing", types: ["order.created", "order.cancelled"], answers: "payment.completed" },
  { service: "order", group: "order", types: ["payment.completed"], answers: undefined },
] as const;

/** How long a lane waits for a relay that died. */
export const leaseMs = 300;

type Needs = {
  readonly world: World;
  readonly plan: Plan;
  readonly postgres: Postgres;
  /** How often a handler has failed at a message, over all processes. */
  readonly failures: Map<string, number>;
};

/** One process of a service, made of what the real ones are made of: outbox, relay, inbox, Kafka. */
export type Service = AsyncDisposable & {
  /** What a request does. Rejects where the order was not placed, or where nobody knows. */
  place(order: PlannedOrder): Promise<void>;
};

export async function startService(name: ServiceName, needs: Needs): Promise<Service> {
  const { plan } = needs;
  const database = openDatabase(needs.world, needs.postgres);
  const transport = kafkaTransport({ brokers: ["kafka"], namespace: "sim", partitions: 2, sessionTimeoutMs: 500 });
  const { group, answers, types } = consumers.find((consumer) => consumer.service === name) ?? consumers[0];
  await using starting = new AsyncDisposableStack();
  starting.use(
    await startRelay(database, {
      to: [
        {
          transport: {
            ...transport,
            connectPublisher: async () => watched(await transport.connectPublisher(), needs.postgres),
          },
        },
      ],
      lanes: plan.lanes,
      batchSize: plan.batchSize,
      ...{ idleMs: 100, leaseMs, retryMs: 30, tries },
      onError: ({ message }) => needs.world.note(() => `           ${name} says: ${message}`),
    }),
  );
  const reactions = types.map((type): Reaction => on(contractOf(type), react(group, answers, needs)));
  starting.use(
    await startConsumer(database, group, reactions, {
      from: [transport],
      ...{ attempts, retryDelayMs: 20, timeoutMs: 5_000, concurrency: 10 },
      onFailure: ({ error }) => needs.world.note(() => `           ${name} says: ${error.message}`),
    }),
  );
  const started = starting.move();
  const share = shareTransactions(database);
  return {
    place: (order) => share((tx) => placeOrder(tx, order)),
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

/** Tells what is about to be published, and by whom. */
function watched(publisher: Publisher, { onPublishing }: Postgres): Publisher {
  return {
    publish(envelopes) {
      const keys = envelopes.map(({ key }) => key);
      const actor = actors.getStore();
      if (actor !== undefined) onPublishing(keys, actor);
      return publisher.publish(envelopes);
    },
    [Symbol.asyncDispose]: () => publisher[Symbol.asyncDispose](),
  };
}

/** The real driver of drizzle, in front of a simulated server. */
export function openDatabase(world: World, postgres: Postgres): Database {
  return drizzle({ client: new SimulatedPool(world, postgres) as never }) as Database;
}

async function placeOrder(tx: Transaction, order: PlannedOrder): Promise<void> {
  await query(tx, "shop_place_order", "insert", [order.id, order.messages.map(({ id }) => id)]);
  await tellOf(tx, order);
  if (order.thinkMs > 0) await delay(order.thinkMs);
  if (order.isRolledBack) throw new Error("The order is refused after all");
}

function tellOf(tx: Transaction, { messages }: PlannedOrder): Promise<void> {
  const told = messages.map(({ temper, ...message }) => ({ ...message, version: "1", data: { temper } }));
  return enqueue(tx, "order", told);
}

function react(group: string, answers: string | undefined, { failures }: Needs) {
  return async ({ id, key, data }: Envelope<{ readonly temper: Temper }>, tx: Transaction): Promise<void> => {
    await query(tx, "shop_record_effect", "insert", [group, id]);
    const { temper } = data;
    const failed = failures.get(`${group} ${id}`) ?? 0;
    failures.set(`${group} ${id}`, failed + 1);
    if (answers !== undefined) {
      await enqueue(tx, group, [
        { type: answers, version: "1", key, id: idOf(`${id} ${answers}`), data: { temper: "calm" } },
      ]);
    }
    if (temper === "rejected") throw new RejectedError("This message is not for us");
    if (temper === "poison" || (temper === "flaky" && failed < 2)) throw new Error("The handler failed");
    // A handler that swallows an error of its own database has lost its transaction without noticing.
    if (temper === "swallowing" && failed < 1) await query(tx, "shop_fail", "insert").catch(() => undefined);
  };
}

function contractOf(type: string) {
  return { type, version: "1", read: (envelope: Envelope) => envelope as Envelope<{ readonly temper: Temper }> };
}
