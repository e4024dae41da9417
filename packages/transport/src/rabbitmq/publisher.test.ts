import { createEnvelope, type Envelope } from "@throughline/envelope";
import { describe, expect, test, vi } from "vitest";
import { PublishError, type PublishFailure } from "../publish-error.ts";
import type { Publisher } from "../transport.ts";
import { isExcused, openBench, order, payment } from "./testing/under-test.ts";

describe.skipIf(isExcused)("a publisher on RabbitMQ", () => {
  test("has 5,000 messages confirmed in one call, also of few keys", { timeout: 60_000 }, async () => {
    await using bench = await openBench();
    const { transport, stranger, namespace } = bench;
    await using publisher = await transport.connectPublisher();
    const { queue } = await stranger.assertQueue("", { exclusive: true });
    await stranger.bindQueue(queue, `${namespace}.events`, "order.created");
    const envelopes = Array.from({ length: 5_000 }, (_, n) => order(`order-${n % 500}`, Math.floor(n / 500) + 1));
    await publisher.publish(envelopes);
    expect(await stranger.checkQueue(queue)).toMatchObject({ messageCount: 5_000 });
  });

  test("names the messages that no queue takes, and delivers the others", async () => {
    await using bench = await openBench();
    const { transport, stranger, namespace } = bench;
    await using publisher = await transport.connectPublisher();
    const { queue } = await stranger.assertQueue("", { exclusive: true });
    await stranger.bindQueue(queue, `${namespace}.events`, "order.created");
    const [taken, event, work] = [order("order-1"), cancelled("order-2"), payment("order-3")];
    const failures = await failuresOf(publisher, [event, taken, work]);
    expect(failures).toMatchObject([
      { id: event.id, refused: true, cause: { message: `No queue takes order.cancelled from ${namespace}.events` } },
      { id: work.id, refused: true, cause: { message: `No queue takes payment.requested from ${namespace}.work` } },
    ]);
    expect(await stranger.get(queue)).toMatchObject({ properties: { messageId: taken.id } });
  });

  test("does not send what comes after a failed message of its key", async () => {
    await using bench = await openBench();
    const { transport, stranger, namespace } = bench;
    await using publisher = await transport.connectPublisher();
    const { queue } = await stranger.assertQueue("", { exclusive: true });
    await stranger.bindQueue(queue, `${namespace}.events`, "order.created");
    const [first, refused, held] = [order("order-1", 1), cancelled("order-1"), order("order-1", 3)];
    const failures = await failuresOf(publisher, [first, refused, held]);
    expect(failures.map(({ id, refused }) => [id, refused])).toEqual([
      [refused.id, true],
      [held.id, false],
    ]);
    expect(await stranger.checkQueue(queue)).toMatchObject({ messageCount: 1 });

    await stranger.bindQueue(queue, `${namespace}.events`, "order.cancelled");
    await publisher.publish([refused, held]);
    expect(await stranger.checkQueue(queue)).toMatchObject({ messageCount: 3 });
  });

  test("declares its exchanges anew where somebody deleted them", async () => {
    await using bench = await openBench();
    const { transport, stranger, namespace } = bench;
    await using publisher = await transport.connectPublisher();
    await stranger.deleteExchange(`${namespace}.events`);
    const lost = await failuresOf(publisher, [order("order-1")]);
    expect(lost).toMatchObject([{ refused: false }]);

    await vi.waitFor(async () =>
      expect(await failuresOf(publisher, [order("order-1")])).toMatchObject([{ refused: true }]),
    );
  });

  test("takes nothing after it was closed", async () => {
    await using bench = await openBench();
    const publisher = await bench.transport.connectPublisher();
    await publisher[Symbol.asyncDispose]();
    expect(await failuresOf(publisher, [order("order-1")])).toMatchObject([{ refused: false }]);
  });
});

function cancelled(key: string): Envelope {
  return createEnvelope({ type: "order.cancelled", version: "1", key, data: {} }, { source: "order-service" });
}

async function failuresOf(publisher: Publisher, envelopes: readonly Envelope[]): Promise<readonly PublishFailure[]> {
  const error = await publisher.publish(envelopes).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof PublishError)) throw new Error("Expected a PublishError", { cause: error });
  return error.failures;
}
