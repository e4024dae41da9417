import { runCausedBy, serializeEnvelope } from "@throughline/envelope";
import type { Options } from "amqplib";
import { describe, expect, test, vi } from "vitest";
import {
  isExcused,
  listen,
  openBench,
  order,
  patience,
  payment,
  rabbitmqUnderTest,
} from "./rabbitmq/testing/under-test.ts";
import { rabbitmqTransport } from "./rabbitmq.ts";
import { describeTransport } from "./testing.ts";

describe.skipIf(isExcused)("with a broker", () => {
  describeTransport("rabbitmq", rabbitmqUnderTest, {
    orderAcrossMembers: "consumers of one queue take turns",
  });
});

describe.skipIf(isExcused)("on RabbitMQ, a stranger finds", () => {
  test("an event by its type on the topic exchange, with its properties", async () => {
    await using bench = await openBench();
    const { namespace, transport, stranger } = bench;
    await using publisher = await transport.connectPublisher();
    const { queue } = await stranger.assertQueue("", { exclusive: true });
    await stranger.bindQueue(queue, `${namespace}.events`, "order.*");

    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const sent = runCausedBy({ id: "cause", correlationId: "request", traceparent }, () => order("order-1"));
    await publisher.publish([sent]);

    const message = (await stranger.get(queue)) || undefined;
    expect(message?.fields).toMatchObject({ exchange: `${namespace}.events`, routingKey: "order.created" });
    expect(message?.content.toString()).toBe(serializeEnvelope(sent));
    expect(message?.properties).toMatchObject({
      messageId: sent.id,
      type: "order.created",
      correlationId: "request",
      appId: "order-service",
      timestamp: Math.floor(Date.parse(sent.timestamp) / 1_000),
      contentType: "application/json",
      deliveryMode: 2,
      priority: undefined,
      headers: { schemaVersion: "1", causationId: "cause", traceparent },
    });
  });

  test("work by its type on the direct exchange, with its priority", async () => {
    await using bench = await openBench();
    const { namespace, transport, stranger } = bench;
    await using publisher = await transport.connectPublisher();
    const { queue } = await stranger.assertQueue("", { exclusive: true });
    await stranger.bindQueue(queue, `${namespace}.work`, "payment.requested");
    await publisher.publish([payment("order-1", true)]);
    await publisher.publish([payment("order-2")]);

    const messages = [await stranger.get(queue), await stranger.get(queue)];
    expect(messages).toMatchObject([
      { fields: { exchange: `${namespace}.work` }, properties: { priority: 9 } },
      { fields: { exchange: `${namespace}.work` }, properties: { priority: 4 } },
    ]);
  });

  test("a way in, by the documented names and with nothing but the envelope", async () => {
    await using bench = await openBench();
    const { namespace, transport, stranger } = bench;
    await using event = await listen(transport);
    await using work = await listen(transport, undefined, { group: "billing.work", types: ["payment.requested"] });
    const [created, requested] = [order("order-1"), payment("order-1")];
    stranger.publish(`${namespace}.events`, "order.created", Buffer.from(serializeEnvelope(created)));
    stranger.publish(`${namespace}.work`, "payment.requested", Buffer.from(serializeEnvelope(requested)));
    await vi.waitUntil(() => event.handled.length + work.handled.length === 2, patience);
    expect([event.handled, work.handled]).toEqual([[created], [requested]]);
  });

  test("a durable queue per group and its dead letters, as documented", async () => {
    await using bench = await openBench();
    const { namespace, transport, stranger } = bench;
    await using subscriber = await transport.connectSubscriber();
    await subscriber.subscribe({ group: "billing", types: ["order.created"], handler: async () => {} });
    await subscriber.subscribe({ group: "billing.work", types: ["payment.requested"], handler: async () => {} });

    const declareAgain = (name: string, options: Options.AssertQueue) =>
      expect(stranger.assertQueue(`${namespace}.${name}`, options)).resolves.toMatchObject({ messageCount: 0 });
    const dead = (name: string) => ({
      deadLetterExchange: `${namespace}.dead`,
      deadLetterRoutingKey: `${namespace}.${name}`,
    });
    const guard = { "x-delivery-limit": 20, "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish" };
    await declareAgain("billing", { ...dead("billing"), arguments: { "x-queue-type": "quorum", ...guard } });
    await declareAgain("billing.work", { ...dead("billing.work"), maxPriority: 9 });
    for (const name of ["billing.dlq", "billing.work.dlq"]) {
      await declareAgain(name, { arguments: { "x-queue-type": "quorum", "x-delivery-limit": 2 ** 31 - 1 } });
    }
  });
});

describe.skipIf(isExcused)("rabbitmqTransport refuses", () => {
  test("a group that mixes work and events", async () => {
    await using bench = await openBench();
    await using subscriber = await bench.transport.connectSubscriber();
    const mixed = { group: "billing", types: ["order.created", "payment.requested"], handler: async () => {} };
    await expect(subscriber.subscribe(mixed)).rejects.toThrow(/billing asks for work \(payment.requested\) and/);
  });

  test("a queue or an exchange that is there with other settings, and says which", async () => {
    await using bench = await openBench();
    const { namespace, stranger } = bench;
    await stranger.assertQueue(`${namespace}.billing`, { durable: true });
    const deadLetters = { deadLetterExchange: `${namespace}.dead`, deadLetterRoutingKey: `${namespace}.billing.work` };
    await stranger.assertQueue(`${namespace}.billing.work`, { ...deadLetters, maxPriority: 3 });
    await using subscriber = await bench.transport.connectSubscriber();
    const said = (group: string, type: string) =>
      subscriber.subscribe({ group, types: [type], handler: async () => {} }).catch(({ message }: Error) => message);
    expect(await said("billing", "order.created")).toBe(
      `Queue ${namespace}.billing is there with other settings (x-dead-letter-exchange: asked for '${namespace}.dead', ` +
        "is none), which RabbitMQ cannot change: drain and delete it, and it is declared anew by itself; or choose another name",
    );
    expect(await said("billing.work", "payment.requested")).toContain("(x-max-priority: asked for '9', is '3')");
    await stranger.deleteExchange(`${namespace}.events`);
    await stranger.assertExchange(`${namespace}.events`, "fanout");
    expect(await said("inventory", "order.created")).toContain(
      `Exchange ${namespace}.events is there with other settings (type: asked for 'topic', is 'fanout')`,
    );
  });

  test("a wrong password and a missing virtual host, at once", async () => {
    await using bench = await openBench();
    const [noPassword, noHost] = [new URL(bench.url), new URL(bench.url)];
    noPassword.password = "wrong";
    noHost.pathname = "/nowhere";
    const connectTo = ({ href: url }: URL) => rabbitmqTransport({ url, namespace: bench.namespace }).connectPublisher();
    await expect(connectTo(noPassword)).rejects.toThrow(/user or the password in url is wrong.*ACCESS_REFUSED/);
    await expect(connectTo(noHost)).rejects.toThrow(/virtual host that url ends in.*ConnectionClose/);
  });
});
