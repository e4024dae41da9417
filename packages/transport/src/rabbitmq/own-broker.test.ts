import { createEnvelope, type Envelope, RejectedError } from "@throughline/envelope";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { PublishError } from "../publish-error.ts";
import { cannotStart, type OwnBroker, startOwnBroker } from "./testing/own-broker.ts";
import { listen, openBench, order, patience, publish, publishUntilConfirmed } from "./testing/under-test.ts";

const heldBack = 50_000;

describe.skipIf(cannotStart)("where RabbitMQ itself is in trouble", { timeout: 300_000 }, () => {
  let broker: OwnBroker;
  beforeAll(async () => {
    broker = await startOwnBroker();
  }, 240_000);
  afterAll(() => broker?.[Symbol.asyncDispose]());

  test("a memory alarm blocks publishers, who hold no more than their window, and no acknowledgements", async () => {
    await using bench = await openBench({ url: broker.url });
    const { transport, errors } = bench;
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const handler = async ({ key }: Envelope) => {
      await gate;
      if (key === "early-3") throw new RejectedError("no such customer");
    };
    await using consumer = await listen(transport, handler, { concurrency: 5 });
    await using publisher = await transport.connectPublisher();
    const early = Array.from({ length: 30 }, (_, n) => order(`early-${n}`));
    await publisher.publish(early);

    await broker.control("set_vm_memory_high_watermark", "0.00001");
    const first = publisher.publish([order("blocked")]).catch((error: unknown) => error);
    await vi.waitUntil(() => errors.some(({ message }) => message.includes("takes no messages for now")), patience);
    const before = process.memoryUsage().arrayBuffers;
    const text = "x".repeat(10_000);
    const calls = Array.from({ length: heldBack / 500 }, (_, call) =>
      publisher.publish(Array.from({ length: 500 }, (_, n) => large(`key-${call}-${n}`, text))),
    );
    open();
    // One is to be set aside, which is a publish: it waits, and alone.
    await vi.waitFor(() => expect(consumer.handled).toHaveLength(early.length - 1), patience);
    expect(consumer.failures).toEqual([]);
    const failures = await Promise.allSettled(calls);
    expect(failures.every((outcome) => outcome.status === "rejected" && outcome.reason instanceof PublishError)).toBe(
      true,
    );
    expect(await first).toBeInstanceOf(PublishError);
    // Half a gigabyte would be there if all were serialised and given to the socket.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50_000_000);

    await broker.control("set_vm_memory_high_watermark", "0.4");
    const late = order("late");
    await publishUntilConfirmed(publisher, [late]);
    await vi.waitFor(() => expect(consumer.handled).toContainEqual(late), patience);
    await bench.take("billing.dlq", 1);
    const heldBackOnes = consumer.handled.filter(({ key }) => key.startsWith("key-"));
    expect(heldBackOnes.length).toBeLessThanOrEqual(1_000);
  });

  test("a memory alarm keeps no subscriber from closing, and only what it was to set aside comes again", async () => {
    await using bench = await openBench({ url: broker.url });
    const { transport, errors } = bench;
    const gates = { refused: Promise.withResolvers<void>(), slow: Promise.withResolvers<void>() };
    const handler = async ({ key }: Envelope) => {
      await gates[key === "slow" ? "slow" : "refused"].promise;
      if (key === "refused") throw new RejectedError("no such customer");
    };
    const leaver = await listen(transport, handler, { timeoutMs: 600_000 });
    const [refused, slow, last] = [order("refused"), order("slow"), order("last")];
    await publish(transport, [refused, slow]);
    await vi.waitUntil(() => leaver.begun.length === 2, patience);
    await broker.control("set_vm_memory_high_watermark", "0.00001");
    gates.refused.resolve();
    await vi.waitUntil(() => errors.some(({ message }) => message.includes("takes no messages for now")), patience);
    await using stayer = await listen(transport);
    const closed = leaver[Symbol.asyncDispose]();
    await vi.waitFor(() => expect(stayer.handled).toContainEqual(refused), patience);
    expect(leaver.failures).toMatchObject([{ envelope: refused, deadLettered: false }]);
    gates.slow.resolve();
    await closed;

    await broker.control("set_vm_memory_high_watermark", "0.4");
    await publish(transport, [last]);
    await vi.waitFor(() => expect(stayer.handled).toContainEqual(last), patience);
    expect(stayer.handled).toEqual([refused, last]);
  });

  test("a killed broker loses nothing that it confirmed, and both ends come back", async () => {
    await using bench = await openBench({ url: broker.url });
    const { transport } = bench;
    await using publisher = await transport.connectPublisher();
    await (await listen(transport))[Symbol.asyncDispose]();
    const kept = Array.from({ length: 500 }, (_, n) => order(`kept-${n}`));
    await publisher.publish(kept);
    await using consumer = await listen(transport, undefined, { concurrency: 50 });
    await vi.waitUntil(() => consumer.handled.length > 0, patience);
    const sent = Array.from({ length: 2_000 }, (_, n) => order(`order-${n % 100}`, Math.floor(n / 100) + 1));
    const published = publishUntilConfirmed(publisher, sent);
    await broker.killAndStart();
    await published;
    const ids = () => new Set(consumer.handled.map(({ id }) => id));
    await vi.waitFor(() => expect([...kept, ...sent].filter(({ id }) => !ids().has(id))).toEqual([]), patience);
  });
});

function large(key: string, text: string): Envelope {
  return createEnvelope({ type: "order.created", version: "1", key, data: text }, { source: "order-service" });
}
