import { orderCreated } from "@throughline/contracts";
import { deriveId } from "@throughline/envelope";
import { migrations as inbox, on, startConsumer } from "@throughline/inbox";
import { connect, openTestDatabase, testBrokers, uniqueName } from "@throughline/local/testing";
import { migrations as log } from "@throughline/log";
import { enqueue, migrations as outbox, startRelay } from "@throughline/outbox";
import { snsSqsTransport } from "@throughline/transport/sns-sqs";
import { expect, test, vi } from "vitest";
import { readMessages } from "./message-facts.ts";
import { configOf, faultsIn } from "./scene-under-test.ts";

const soon = { timeout: 25_000, interval: 20 };
const handleNothing = async () => undefined;

test("messages of another environment that has the same namespace are suspicious", async () => {
  const namespace = uniqueName("t");
  await using ours = await openEnvironment(namespace);
  await using theirs = await openEnvironment(namespace);
  await using consumer = await ours.listen();

  await ours.tell("o-1");
  await vi.waitUntil(() => consumer.status().handled === 1, soon);
  expect(await ours.faults()).toEqual([]);

  const id = await theirs.tell("o-2");
  await vi.waitUntil(() => consumer.status().handled === 2, soon);
  expect(await ours.faults()).toEqual(["namespace-owner"]);
  expect(await ours.strangers()).toEqual([{ group: "billing", id }]);
});

test("what an outbox has forgotten is nobody else's, and neither is what went out in place of a dead letter", async () => {
  await using environment = await openEnvironment(uniqueName("t"));
  const forgotten = deriveId("forgotten", new Date(Date.now() - 3_600_000));
  const replacement = deriveId("replacement", new Date(Date.now() + 3_600_000));
  await environment.execute(
    `insert into processed_messages (consumer, message_id, message_day)
     select 'billing', id, current_date from unnest(array['${forgotten}', '${replacement}']::uuid[]) as id`,
  );
  expect(await environment.strangers()).toHaveLength(2);
  // Partitions are dropped from the first on.
  await environment.execute("alter table outbox_p1 rename to outbox_p2");
  expect(await environment.strangers()).toEqual([{ group: "billing", id: replacement }]);
  await environment.execute("create table dead_letters (replaced_by uuid)");
  await environment.execute(`insert into dead_letters values ('${replacement}')`);
  expect(await environment.strangers()).toEqual([]);
});

/** A service that tells of orders and may listen to them, in a database of its own. */
async function openEnvironment(namespace: string) {
  await using opening = new AsyncDisposableStack();
  const { url, database } = opening.use(await openTestDatabase(log, outbox, inbox));
  const { pool } = opening.use(connect(url, 2));
  const credentials = { accessKeyId: "any", secretAccessKey: "any" };
  const transport = snsSqsTransport({ endpoint: testBrokers.snsSqs, region: "us-east-1", credentials, namespace });
  const opened = opening.move();
  const facts = () => readMessages([{ pool, groups: ["billing"] }]);
  return {
    listen: () => startConsumer(database, "billing", [on(orderCreated, handleNothing)], { from: [transport] }),
    /** Resolves with the id, once it is with the broker. */
    async tell(orderId: string): Promise<string | undefined> {
      const order = {
        ...{ customerId: "c-1", currency: "USD", express: false },
        items: [{ sku: "cd-1", quantity: 1 }],
      };
      await database.transaction((tx) =>
        enqueue(tx, "order-service", [orderCreated.message(orderId, { orderId, totalInCents: 0, ...order })]),
      );
      await using relay = await startRelay(database, { to: [{ transport }] });
      await vi.waitUntil(async () => (await relay.status())[0]?.waiting === 0, soon);
      const { rows } = await pool.query<{ id: string }>("select id from outbox order by position desc limit 1");
      return rows[0]?.id;
    },
    execute: (statement: string) => database.execute(statement),
    strangers: async () => (await facts()).strangers,
    faults: async () => faultsIn({ config: configOf(), messages: await facts() }),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
