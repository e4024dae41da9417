import type { Envelope } from "@throughline/envelope";
import { describe, expect, test, vi } from "vitest";
import { PublishError } from "../publish-error.ts";
import { rabbitmqTransport } from "../rabbitmq.ts";
import type { Transport } from "../transport.ts";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";
import { isExcused, listen, openBench, order, publishUntilConfirmed } from "./under-test.ts";

const patience = { timeout: 20_000, interval: 50 };

describe.skipIf(isExcused)("RabbitMQ comes back", { timeout: 60_000, concurrent: true }, () => {
  test("and nothing is lost or out of order where connections are cut again and again", async () => {
    await using bench = await openBench();
    await using proxy = await startFaultProxy(bench.url);
    const transport = over(proxy, bench.namespace);
    await using consumer = await listen(transport, undefined, { concurrency: 50 });
    await using publisher = await transport.connectPublisher();
    const sent = Array.from({ length: 3_000 }, (_, n) => order(`order-${n % 30}`, Math.floor(n / 30) + 1));
    let cuts = 0;
    for (let from = 0; from < sent.length; from += 600) {
      const published = publishUntilConfirmed(publisher, sent.slice(from, from + 600));
      await vi.waitUntil(() => consumer.handled.length > from / 2, patience);
      proxy.cut();
      cuts += 1;
      await published;
    }
    await vi.waitFor(() => expect(firstOfEach(consumer.handled)).toHaveLength(sent.length), patience);
    for (const [key, envelopes] of Map.groupBy(firstOfEach(consumer.handled), ({ key }) => key)) {
      const sequences = sent.filter((envelope) => envelope.key === key).map(({ sequence }) => sequence);
      expect(envelopes.map(({ sequence }) => sequence)).toEqual(sequences);
    }
    expect(cuts).toBe(5);
    expect(consumer.failures).toEqual([]);
  });

  test("after a line that swallows everything, on which a publish fails in time", async () => {
    await using bench = await openBench();
    await using proxy = await startFaultProxy(bench.url);
    const transport = over(proxy, bench.namespace, 60);
    await using consumer = await listen(transport);
    await using publisher = await transport.connectPublisher();
    proxy.swallow();
    const sent = [order("order-1", 1), order("order-1", 2)];
    const startedAt = performance.now();
    const failure = await publisher.publish(sent).catch((error: unknown) => error);
    expect(performance.now() - startedAt).toBeLessThan(11_000);
    expect(failure).toBeInstanceOf(PublishError);
    expect(failure).toMatchObject({ failures: sent.map(({ id }) => ({ id, refused: false })) });
    expect(String(failure)).toContain("confirmed nothing for 10000 ms");

    proxy.heal();
    await publishUntilConfirmed(publisher, sent);
    await vi.waitFor(() => expect(firstOfEach(consumer.handled)).toEqual(sent), patience);
  });

  test("while a handler runs, whose message then comes again after it and not beside it", async () => {
    await using bench = await openBench();
    await using proxy = await startFaultProxy(bench.url);
    const transport = over(proxy, bench.namespace);
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    await using consumer = await listen(transport, () => gate);
    await using publisher = await bench.transport.connectPublisher();
    const sent = order("order-1");
    await publisher.publish([sent]);
    await vi.waitUntil(() => consumer.begun.length === 1);
    proxy.cut();
    await vi.waitUntil(async () => (await bench.stranger.checkQueue(`${bench.namespace}.billing`)).consumerCount > 0);
    expect(consumer.begun).toHaveLength(1);
    open();
    await vi.waitFor(() => expect(consumer.handled).toEqual([sent, sent]), patience);
  });

  test("not to those who leave while it is silent, and they leave in time with all that is theirs", async () => {
    await using bench = await openBench();
    await using proxy = await startFaultProxy(bench.url);
    const transport = rabbitmqTransport({ url: proxy.url, namespace: bench.namespace });
    const consumer = await listen(transport);
    const publisher = await transport.connectPublisher();
    proxy.swallow();
    const startedAt = performance.now();
    await Promise.all([consumer[Symbol.asyncDispose](), publisher[Symbol.asyncDispose]()]);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    await vi.waitUntil(() => proxy.connections === 0);
  });
});

function over({ url }: FaultProxy, namespace: string, heartbeat = 1): Transport {
  return rabbitmqTransport({ url: `${url}?heartbeat=${heartbeat}`, namespace, onError: () => undefined });
}

function firstOfEach(envelopes: readonly Envelope[]): Envelope[] {
  return [...new Map(envelopes.toReversed().map((envelope) => [envelope.id, envelope])).values()].reverse();
}
