import { createEnvelope, type Envelope, RejectedError, serializeEnvelope } from "@throughline/envelope";
import { describe, expect, test, vi } from "vitest";
import { dieWith, isExcused, listen, openBench, order, patience, payment, publish } from "./testing/under-test.ts";

describe.skipIf(isExcused)("a consumer on RabbitMQ", () => {
  test("handles urgent work right after what it has in hand, however much waits before it", async () => {
    await using bench = await openBench();
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const workOf = { group: "billing.work", types: ["payment.requested"], concurrency: 10 };
    await (await listen(bench.transport, undefined, workOf))[Symbol.asyncDispose]();
    await publish(
      bench.transport,
      Array.from({ length: 300 }, (_, n) => payment(`usual-${n}`)),
    );
    await using consumer = await listen(bench.transport, () => gate, workOf);
    await vi.waitUntil(() => consumer.begun.length === 10, patience);
    const express = Array.from({ length: 5 }, (_, n) => payment(`express-${n}`, true));
    await publish(bench.transport, express);
    open();
    await vi.waitUntil(() => consumer.handled.length === 305, patience);
    expect(consumer.begun.slice(10, 15)).toEqual(express);
  });

  test("takes types by pattern, and each message once", async () => {
    await using bench = await openBench();
    await using consumer = await listen(bench.transport, undefined, { types: ["order.#", "*.completed"] });
    const types = ["order.created", "order.item.added", "payment.completed", "order.completed"];
    await publish(bench.transport, types.map(event));
    await expect(publish(bench.transport, ["payment.failed", "stock.item.completed"].map(event))).rejects.toThrow(
      "No queue takes payment.failed",
    );
    await vi.waitUntil(() => consumer.handled.length === 4, patience);
    expect(consumer.handled.map(({ type }) => type).sort()).toEqual(types.sort());
    expect(await bench.transport.backlog("billing", [])).toEqual({ waiting: 0, deadLetters: 0 });
  });

  test("has in hand no more than its concurrency, 10 unless told otherwise", async () => {
    await using bench = await openBench();
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    await using consumer = await listen(bench.transport, () => gate);
    await publish(
      bench.transport,
      Array.from({ length: 30 }, (_, n) => order(`order-${n}`)),
    );
    await vi.waitUntil(() => consumer.begun.length === 10, patience);
    expect(await bench.stranger.checkQueue(`${bench.namespace}.billing`)).toMatchObject({ messageCount: 20 });
    open();
    await vi.waitUntil(() => consumer.handled.length === 30, patience);
  });

  test("sets a message aside as it came, with the reason and where it came from", async () => {
    await using bench = await openBench();
    const { namespace, stranger, take } = bench;
    await using consumer = await listen(bench.transport, async () => {
      throw new RejectedError("no such customer");
    });
    const content = Buffer.from(serializeEnvelope(order("order-1")));
    const properties = { messageId: "m-1", correlationId: "c-1", contentType: "application/json", appId: "stranger" };
    const headers = { schemaVersion: "1", CC: ["elsewhere"], "x-delivery-count": 7 };
    stranger.publish(`${namespace}.events`, "order.created", content, { ...properties, expiration: 60_000, headers });

    const [letter] = await take("billing.dlq", 1);
    expect(letter?.content).toEqual(content);
    expect(letter?.fields).toMatchObject({ exchange: `${namespace}.dead`, routingKey: `${namespace}.billing` });
    expect(letter?.properties).toMatchObject({ ...properties, deliveryMode: 2, expiration: undefined });
    expect(letter?.properties.headers).toEqual({
      schemaVersion: "1",
      "x-error-name": "RejectedError",
      "x-error-message": "no such customer",
      "x-error-stack": expect.stringContaining("consumer.test.ts"),
      "x-original-exchange": `${namespace}.events`,
      "x-original-routing-key": "order.created",
      "x-failed-at": expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      "x-attempts": 1,
    });
    expect(consumer.failures).toMatchObject([{ deadLettered: true }]);
  });

  test("sets a message aside without its headers where they are too long for a copy", async () => {
    await using bench = await openBench();
    await using _ = await listen(bench.transport, async () => {});
    const headers = { long: "x".repeat(65_000) };
    bench.stranger.publish(`${bench.namespace}.events`, "order.created", Buffer.from("[]"), { headers });
    const [letter] = await bench.take("billing.dlq", 1);
    expect(letter?.content.toString()).toBe("[]");
    expect(letter?.properties.headers).toMatchObject({ "x-error-name": "RejectedError" });
    expect(letter?.properties.headers).not.toHaveProperty("long");
  });

  test("goes on counting the attempts of a consumer that died", async () => {
    await using bench = await openBench();
    const { transport, take } = bench;
    await (await listen(transport))[Symbol.asyncDispose]();
    await publish(transport, [order("order-1")]);
    for (const _ of ["first death", "second death"]) await dieWith(bench, "billing");

    await using consumer = await listen(transport, async () => {
      throw new Error("out of stock");
    });
    const [letter] = await take("billing.dlq", 1);
    expect(letter?.properties.headers).toMatchObject({ "x-attempts": 3, "x-error-message": "out of stock" });
    expect(consumer.failures).toHaveLength(1);
  });

  test("leaves to the broker an event that nobody survives to set aside", async () => {
    await using bench = await openBench();
    const { transport, take } = bench;
    await (await listen(transport))[Symbol.asyncDispose]();
    const sent = order("order-1");
    await publish(transport, [sent]);
    for (let deaths = 0; deaths < 21; deaths += 1) await dieWith(bench, "billing");
    const [letter] = await take("billing.dlq", 1);
    expect(letter?.properties.messageId).toBe(sent.id);
  });

  test("sets aside work that nobody survives, without another attempt", async () => {
    await using bench = await openBench();
    const { namespace, stranger, transport, take } = bench;
    const workOf = { group: "billing.work", types: ["payment.requested"] };
    await (await listen(transport, undefined, workOf))[Symbol.asyncDispose]();
    const sent = payment("order-1");
    const wire = Buffer.from(serializeEnvelope(sent));
    stranger.publish(`${namespace}.work`, sent.type, wire, { headers: { "x-delivery-count": 2 } });
    await dieWith(bench, "billing.work");

    await using consumer = await listen(transport, undefined, workOf);
    const [letter] = await take("billing.work.dlq", 1);
    expect(letter?.content).toEqual(wire);
    expect(letter?.properties.headers).toMatchObject({
      "x-attempts": 3,
      "x-original-exchange": `${namespace}.work`,
      "x-original-routing-key": "payment.requested",
    });
    expect(consumer.handled).toEqual([]);
  });

  test("does work again that its first consumer did not survive, and counts the attempts", async () => {
    await using bench = await openBench();
    const { transport } = bench;
    const workOf = { group: "billing.work", types: ["payment.requested"], attempts: 2 };
    await (await listen(transport, undefined, workOf))[Symbol.asyncDispose]();
    const sent = payment("order-1");
    await publish(transport, [sent]);
    await dieWith(bench, "billing.work");

    await using consumer = await listen(transport, async () => Promise.reject(new Error("no answer")), workOf);
    const [letter] = await bench.take("billing.work.dlq", 1);
    expect(letter?.properties).toMatchObject({ messageId: sent.id, priority: 4, headers: { "x-attempts": 2 } });
    expect(consumer.failures).toMatchObject([{ deadLettered: true }]);
  });

  test("goes on where somebody deleted its queue", async () => {
    await using bench = await openBench();
    await using consumer = await listen(bench.transport);
    await bench.stranger.deleteQueue(`${bench.namespace}.billing`);
    await vi.waitUntil(() => bench.errors.length > 0, patience);
    const sent = order("order-1");
    await vi.waitFor(() => publish(bench.transport, [sent]), patience);
    await vi.waitFor(() => expect(consumer.handled).toEqual([sent]), patience);
  });

  test("loses no message where somebody deleted its dead letters", async () => {
    await using bench = await openBench();
    await using consumer = await listen(bench.transport, async () => {
      throw new RejectedError("no such customer");
    });
    await bench.stranger.deleteQueue(`${bench.namespace}.billing.dlq`);
    const sent = order("order-1");
    await publish(bench.transport, [sent]);
    await vi.waitFor(() => expect(consumer.failures.at(-1)?.deadLettered).toBe(true), patience);
    const [letter] = await bench.take("billing.dlq", 1);
    expect(letter?.properties.messageId).toBe(sent.id);
    expect(consumer.failures).toMatchObject([{ deadLettered: false }, { deadLettered: true }]);
  });

  test("gives back what it has not begun when it leaves", async () => {
    await using bench = await openBench();
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const leaver = await listen(bench.transport, () => gate, { concurrency: 5 });
    const sent = [1, 2, 3, 4, 5].map((sequence) => order("order-1", sequence));
    await publish(bench.transport, sent);
    await vi.waitUntil(() => leaver.begun.length === 1, patience);
    const left = leaver[Symbol.asyncDispose]();
    await using stayer = await listen(bench.transport);
    open();
    await left;
    await vi.waitFor(() => expect(stayer.handled).toEqual(sent.slice(1)), patience);
    expect(leaver.handled).toEqual(sent.slice(0, 1));
    expect(await bench.transport.backlog("billing", ["order.created"])).toEqual({ waiting: 0, deadLetters: 0 });
  });
});

function event(type: string): Envelope {
  return createEnvelope({ type, version: "1", key: type, data: {} }, { source: "order-service" });
}
