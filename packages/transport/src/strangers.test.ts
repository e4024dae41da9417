import { execFile, execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createEnvelope, type Envelope, RejectedError, runCausedBy, serializeEnvelope } from "@throughline/envelope";
import { describe, expect, test, vi } from "vitest";
import {
  type Bench,
  isExcused,
  listen,
  openBench as openRabbitmq,
  order,
  payment,
} from "./rabbitmq/testing/under-test.ts";
import { openBench as openSnsSqs } from "./sns-sqs/bench.ts";
import { account } from "./sns-sqs/under-test.ts";
import type { DeadLetter } from "./transport.ts";

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const patience = { timeout: 30_000, interval: 20 };
const boto3 = pythonWith("boto3");
const pika = pythonWith("pika");

describe.skipIf(!boto3 && process.env.CI !== "true").concurrent.each([
  { road: "SNS and SQS", fifo: false, ending: "" },
  { road: "SNS and SQS FIFO", fifo: true, ending: ".fifo" },
])("on $road, boto3", ({ fifo, ending }) => {
  const stranger = (verb: string, name: string, input?: object) =>
    run(boto3, ["sns_sqs.py", account.endpoint, verb, `${name}${ending}`], input);

  test("reads what we publish, by its names", async () => {
    await using broker = await openSnsSqs({ fifo });
    await broker.declare();
    const message = { type: "order.created", version: "1", key: "order-1", data: { note: "Grüße 🛒" } };
    const sent = createEnvelope(message, { source: "order-service", traceparent });
    await broker.publish([sent]);
    const { Body, MessageAttributes, Attributes } = await stranger("take", `${broker.namespace}-billing`);
    expect(Body).toBe(serializeEnvelope(sent));
    expect(MessageAttributes).toEqual({
      eventType: { DataType: "String", StringValue: "order.created" },
      schemaVersion: { DataType: "String", StringValue: "1" },
      correlationId: { DataType: "String", StringValue: sent.correlationId },
      traceparent: { DataType: "String", StringValue: traceparent },
    });
    if (fifo) expect(Attributes).toMatchObject({ MessageGroupId: "order-1", MessageDeduplicationId: sent.id });
  });

  test("publishes what we read, with nothing but the envelope, and with attributes of any type", async () => {
    await using broker = await openSnsSqs({ fifo });
    const { begun } = await broker.listen();
    const publish = (envelope: Envelope, attributes?: object) =>
      stranger("publish", `${broker.namespace}-order-created`, {
        envelope,
        ...(attributes && { MessageAttributes: attributes }),
        ...(fifo && { MessageGroupId: "any", MessageDeduplicationId: envelope.id }),
      });
    const [bare, told] = [order("order-1"), order("order-2")];
    await publish(bare);
    await broker.eventually(() => expect(begun).toEqual([bare]));
    await publish(told, {
      traceparent: { DataType: "Number", StringValue: "7" },
      eventType: { DataType: "Binary", BinaryValue: "not ours" },
    });
    await broker.eventually(() => expect(begun).toEqual([bare, told]));
  });
});

describe.skipIf(isExcused || (!pika && process.env.CI !== "true")).concurrent("on RabbitMQ, pika", () => {
  const workGroup = { group: "billing.work", types: ["payment.requested"] };

  test("reads what we publish, by its names", async () => {
    await using bench = await openRabbitmq();
    const { namespace, transport } = bench;
    await declare(bench);
    await declare(bench, workGroup);
    await using publisher = await transport.connectPublisher();
    const created = runCausedBy({ id: "cause", correlationId: "request", traceparent }, () => order("order-1"));
    const requested = payment("order-1", true);
    await publisher.publish([created, requested]);
    const [event, work] = [await stranger(bench, "take", "billing"), await stranger(bench, "take", "billing.work")];
    expect(event).toMatchObject({
      exchange: `${namespace}.events`,
      routing_key: "order.created",
      message_id: created.id,
      type: "order.created",
      correlation_id: "request",
      app_id: "order-service",
      timestamp: Math.floor(Date.parse(created.timestamp) / 1_000),
      content_type: "application/json",
      delivery_mode: 2,
      headers: { schemaVersion: ["str", "1"], causationId: ["str", "cause"], traceparent: ["str", traceparent] },
      body: serializeEnvelope(created),
    });
    expect(work).toMatchObject({ exchange: `${namespace}.work`, priority: 9, body: serializeEnvelope(requested) });
  });

  test("publishes what we read, to both exchanges", async () => {
    await using bench = await openRabbitmq();
    await using event = await listen(bench.transport);
    await using work = await listen(bench.transport, undefined, workGroup);
    const [created, requested] = [order("order-1"), payment("order-1")];
    await stranger(bench, "publish", "events", "order.created", created);
    await stranger(bench, "publish", "work", "payment.requested", requested);
    await vi.waitUntil(() => event.handled.length + work.handled.length === 2, patience);
    expect([event.handled, work.handled]).toEqual([[created], [requested]]);
  });

  test("finds its own properties and headers of every type at what we set aside and send again", async () => {
    await using bench = await openRabbitmq();
    await declare(bench);
    const sent = order("order-1");
    const publish = () => stranger(bench, "publish-all", "events", "order.created", sent);
    await publish();
    const asSent = await stranger(bench, "take", "billing");
    expect(asSent.headers).toMatchObject({ money: ["Decimal", "19.99"] });

    const rejecting = await listen(bench.transport, () => Promise.reject(new RejectedError("no such customer")));
    await publish();
    await vi.waitUntil(() => rejecting.failures.length === 1, patience);
    await rejecting[Symbol.asyncDispose]();
    const { drain, redeliver } = bench.transport.deadLetters;
    const letters: DeadLetter[] = [];
    await using _drain = await drain("billing", ["order.created"], async (letter) => void letters.push(letter));
    await vi.waitUntil(() => letters.length === 1, patience);
    // As a database has kept it.
    for (const { headers, ...letter } of letters) {
      await redeliver({ ...letter, headers: JSON.parse(JSON.stringify(headers)) });
    }
    const again = await stranger(bench, "take", "billing");
    expect(again).toEqual({ ...asSent, exchange: "", routing_key: `${bench.namespace}.billing` });
  });

  /** Subscribes and leaves, so that what is published then stays in the queue. */
  async function declare({ transport }: Bench, subscription?: typeof workGroup): Promise<void> {
    await using _listener = await listen(transport, undefined, subscription);
  }

  function stranger({ url, namespace }: Bench, verb: string, place: string, key?: string, input?: object) {
    return run(pika, ["rabbitmq.py", url, verb, `${namespace}.${place}`, ...(key ? [key] : [])], input);
  }
});

/** Debian's own Python has the packages python3-boto3 and python3-pika, which another one in the PATH does not see. */
function pythonWith(module: string): string | undefined {
  return ["/usr/bin/python3", "python3"].find((python) => {
    try {
      execFileSync(python, ["-c", `import ${module}`], { stdio: "ignore" });
      return true;
    } catch {
      return false; // Not being there is the answer.
    }
  });
}

/** What a script in `strangers` prints, with `input` as JSON on its stdin. */
async function run(python = "python3", [script = "", ...args]: readonly string[], input: object = {}) {
  const path = fileURLToPath(new URL(`strangers/${script}`, import.meta.url));
  const running = promisify(execFile)(python, [path, ...args], { timeout: 30_000 });
  running.child.stdin?.end(JSON.stringify(input));
  const { stdout } = await running;
  return JSON.parse(stdout || "{}");
}
