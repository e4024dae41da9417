import { RejectedError, serializeEnvelope } from "@throughline/envelope";
import type { ConsumeMessage } from "amqplib";
import { describe, expect, test, vi } from "vitest";
import type { DeadLetter, DeadLetterRoad, Transport } from "../transport.ts";
import { letterOf } from "./letter.ts";
import {
  type Bench,
  dieWith,
  isExcused,
  listen,
  openBench,
  order,
  patience,
  payment,
  publish,
} from "./testing/under-test.ts";

const reject = async () => {
  throw new RejectedError("no such customer");
};
const workOf = { group: "billing.work", types: ["payment.requested"] };

describe.skipIf(isExcused)("dead letters on RabbitMQ", () => {
  test("are handed over as they came, with the reason, and are then gone", async () => {
    await using bench = await openBench();
    const { namespace, stranger, transport } = bench;
    await using _ = await listen(transport, reject);
    const drain = await drainOf(transport);
    const [sent, later] = [order("order-1"), order("order-2")];
    const content = Buffer.from(serializeEnvelope(sent));
    const headers = { tenant: "acme", retries: 3, raw: Buffer.from([0, 255]), "amqp.type": "mine" };
    const properties = { messageId: sent.id, type: sent.type, timestamp: 1_700_000_000, priority: 7, headers };
    stranger.publish(`${namespace}.events`, sent.type, content, properties);

    await vi.waitUntil(() => drain.taken.length === 1, patience);
    expect(drain.taken).toEqual([
      {
        group: "billing",
        origin: { name: `${namespace}.billing` },
        body: content,
        headers: {
          tenant: "acme",
          "amqp.messageId": sent.id,
          "amqp.type": sent.type,
          "amqp.timestamp": "1700000000",
          "amqp.priority": "7",
          "amqp.headers": expect.stringContaining('"retries":3'),
        },
        error: {
          name: "RejectedError",
          message: "no such customer",
          stack: expect.stringContaining("dead-letters.test.ts"),
        },
        attempts: 1,
        failedAt: expect.any(Date),
      },
    ]);
    await drain[Symbol.asyncDispose]();
    await publish(transport, [later]);
    await using second = await drainOf(transport);
    await vi.waitUntil(() => second.taken.length > 0, patience);
    expect(idsOf(second.taken)).toEqual([later.id]);
  });

  test("stay while they are not taken, and those behind them come", async () => {
    await using bench = await openBench();
    const { transport } = bench;
    await using _ = await listen(transport, reject);
    const errors: string[] = [];
    let isFull = true;
    const sent = [order("order-1"), order("order-2")];
    const refuseFirst = async ({ body }: DeadLetter) => {
      if (isFull && Buffer.from(body).includes("order-1")) throw new Error("the disk is full");
    };
    await using drain = await drainOf(transport, refuseFirst, (error) => errors.push(error.message));
    await publish(transport, sent);
    await vi.waitUntil(() => drain.taken.length === 1 && errors.length > 0, patience);
    expect(await transport.backlog("billing", ["order.created"])).toEqual({ waiting: 0, deadLetters: 1 });
    isFull = false;
    await vi.waitUntil(() => drain.taken.length === 2, patience);
    expect(new Set(errors)).toEqual(new Set(["the disk is full"]));
    expect(idsOf(drain.taken)).toEqual(sent.map(({ id }) => id).reverse());
  });

  test("are not lost with a drain that leaves while it takes them", async () => {
    await using bench = await openBench();
    const { transport } = bench;
    await using _ = await listen(transport, reject);
    const leaver = await drainOf(transport, async () => Promise.reject(new Error("not now")));
    await publish(transport, [order("order-1"), order("order-2")]);
    await vi.waitUntil(() => leaver.offered.length >= 2, patience);
    await leaver[Symbol.asyncDispose]();
    expect(leaver.taken).toEqual([]);
    await using stayer = await drainOf(transport);
    await vi.waitUntil(() => stayer.taken.length === 2, patience);
  });

  test("say what is known where the broker itself set them aside", async () => {
    await using bench = await openBench();
    const { namespace, transport, stranger } = bench;
    await (await listen(transport))[Symbol.asyncDispose]();
    await publish(transport, [order("order-1")]);
    for (let deaths = 0; deaths < 21; deaths += 1) await dieWith(bench, "billing");
    const event = [`${namespace}.events`, "order.created", Buffer.from("{}")] as const;
    stranger.publish(...event, { expiration: 1 });
    stranger.publish(...event);
    await stranger.waitForConfirms();
    await rejectNext(bench, "billing");
    stranger.sendToQueue(`${namespace}.billing.dlq`, Buffer.from("{}"));

    await using drain = await drainOf(transport);
    await vi.waitUntil(() => drain.taken.length === 4, patience);
    const said = drain.taken.map(({ error, attempts }) => `${error.name}, ${attempts}: ${error.message}`);
    expect(said.sort()).toEqual([
      "BrokerDeadLetter, 0: RabbitMQ set it aside: it was put there from outside, without a reason",
      "BrokerDeadLetter, 0: RabbitMQ set it aside: its time to live had passed",
      "BrokerDeadLetter, 1: RabbitMQ set it aside: a consumer rejected it, and gave no reason",
      "BrokerDeadLetter, 21: RabbitMQ set it aside: delivered more than 20 times without an outcome: it may kill whoever handles it",
    ]);
    for (const { failedAt, headers } of drain.taken) {
      expect(failedAt.getTime()).toBeGreaterThan(Date.now() - 120_000);
      expect(Object.keys(headers).filter((name) => /death|count/.test(name))).toEqual([]);
    }
  });
});

test.each([
  [[{ reason: "constructor" }], "RabbitMQ set it aside: constructor"],
  [[null], "RabbitMQ set it aside: it was put there from outside, without a reason"],
])("what a stranger has written as a death, %j, makes a letter all the same", (death, message) => {
  const stranger = { content: Buffer.from("{}"), properties: { headers: { "x-death": death } } };
  const letter = letterOf(stranger as unknown as ConsumeMessage, "billing", "dev.billing.dlq");
  expect(letter).toMatchObject({ error: { message }, attempts: 0 });
});

describe.skipIf(isExcused)("a dead letter that is redelivered on RabbitMQ", () => {
  test("comes to its own group and no other, with its attempts before it", async () => {
    await using bench = await openBench();
    const { transport } = bench;
    let isFixed = false;
    await using billing = await listen(transport, async () => {
      if (!isFixed) throw new Error("out of stock");
    });
    await using inventory = await listen(transport, undefined, { group: "inventory" });
    await using drain = await drainOf(transport);
    const sent = order("order-1");
    await publish(transport, [sent]);
    await vi.waitUntil(() => drain.taken.length === 1, patience);
    await redeliver(transport, drain.taken[0]);
    await vi.waitUntil(() => drain.taken.length === 2, patience);
    expect(billing.begun).toHaveLength(6);
    // What it waits counts from when it was sent, which is another time.
    const { sentAt, ...headers } = drain.taken[0]?.headers ?? {};
    expect(drain.taken[1]).toMatchObject({ attempts: 3, headers });
    expect(Number(drain.taken[1]?.headers.sentAt)).toBeGreaterThan(Number(sentAt));

    isFixed = true;
    await redeliver(transport, drain.taken[1]);
    await vi.waitFor(() => expect(billing.handled).toEqual([sent]), patience);
    expect(inventory.handled).toEqual([sent]);
  });

  test("has the bytes, id, headers and priority that it had", async () => {
    await using bench = await openBench();
    const { namespace, stranger, transport } = bench;
    const consumer = await listen(transport, reject, workOf);
    await using drain = await drainOf(transport, undefined, undefined, workOf);
    const sent = payment("order-1", true);
    const headers = { tenant: "acme", retries: 3, big: 2 ** 40, half: 0.5, raw: Buffer.from([0, 255]), list: [1, "2"] };
    const properties = { messageId: sent.id, type: sent.type, appId: "shop", correlationId: "c", priority: 9, headers };
    stranger.publish(`${namespace}.work`, sent.type, Buffer.from(serializeEnvelope(sent)), properties);
    await vi.waitUntil(() => drain.taken.length === 1, patience);
    await consumer[Symbol.asyncDispose]();
    await redeliver(transport, drain.taken[0]);

    const [message] = await bench.take("billing.work", 1);
    expect(message?.content.toString()).toBe(serializeEnvelope(sent));
    expect(message?.fields).toMatchObject({ exchange: "", routingKey: `${namespace}.billing.work` });
    expect(message?.properties).toMatchObject({ ...properties, deliveryMode: 2 });
    expect(message?.properties.headers).toEqual(headers);
  });

  test("are not made of what fails while its subscriber closes, which may be why", async () => {
    await using bench = await openBench();
    const closing = Promise.withResolvers<void>();
    const failing = async () => {
      await closing.promise;
      throw new Error("the database is closed");
    };
    const consumer = await listen(bench.transport, failing, { attempts: 1 });
    const sent = order("order-1");
    await publish(bench.transport, [sent]);
    await vi.waitUntil(() => consumer.begun.length === 1, patience);
    const closed = consumer[Symbol.asyncDispose]();
    closing.resolve();
    await closed;
    await using next = await listen(bench.transport);
    await vi.waitUntil(() => next.handled.length === 1, patience);
    expect(next.handled).toEqual([sent]);
  });

  test("says so where its queue is gone", async () => {
    await using bench = await openBench();
    const letter = { group: "gone", origin: { name: "gone" }, body: Buffer.from("{}"), headers: {} };
    const given = { ...letter, error: { name: "Error", message: "" }, attempts: 3, failedAt: new Date() };
    await expect(bench.transport.deadLetters?.redeliver(given)).rejects.toMatchObject({
      message: "The dead letter stays out of gone",
      cause: { message: "No queue takes gone from the default exchange" },
    });
  });
});

type Drain = AsyncDisposable & { readonly taken: readonly DeadLetter[]; readonly offered: readonly DeadLetter[] };

async function drainOf(
  { deadLetters }: Transport,
  take: (letter: DeadLetter) => Promise<void> = async () => {},
  onError: (error: Error) => void = () => undefined,
  { group, types } = { group: "billing", types: ["order.created"] },
): Promise<Drain> {
  const [taken, offered]: [DeadLetter[], DeadLetter[]] = [[], []];
  const drain = await roadOf(deadLetters).drain(
    group,
    types,
    async (letter) => {
      offered.push(letter);
      await take(letter);
      taken.push(letter);
    },
    onError,
  );
  return { taken, offered, [Symbol.asyncDispose]: () => drain[Symbol.asyncDispose]() };
}

async function redeliver({ deadLetters }: Transport, letter: DeadLetter | undefined): Promise<void> {
  if (letter === undefined) throw new Error("There is no such letter");
  await roadOf(deadLetters).redeliver(letter);
}

function roadOf(road: DeadLetterRoad | undefined): DeadLetterRoad {
  if (road === undefined) throw new Error("RabbitMQ has a road for dead letters");
  return road;
}

async function rejectNext({ stranger, namespace }: Bench, queue: string): Promise<void> {
  const message = await stranger.get(`${namespace}.${queue}`);
  if (message) stranger.nack(message, false, false);
}

function idsOf(letters: readonly DeadLetter[]): (string | undefined)[] {
  return letters.map(({ headers }) => headers["amqp.messageId"]);
}
