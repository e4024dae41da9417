import { type Envelope, RejectedError } from "@throughline/envelope";
import { describe, expect, test, vi } from "vitest";
import { PublishError } from "../publish-error.ts";
import { rabbitmqTransport } from "../rabbitmq.ts";
import {
  isExcused,
  listen,
  openBench,
  openLine,
  order,
  patience,
  publish,
  publishUntilConfirmed,
} from "./testing/under-test.ts";

describe.skipIf(isExcused)("RabbitMQ comes back", { timeout: 120_000, concurrent: true }, () => {
  test("and nothing is lost or out of order where connections are cut again and again", async () => {
    await using bench = await openRemoteBench(1);
    const { remote, line } = bench;
    await using consumer = await listen(remote, undefined, { concurrency: 50 });
    await using publisher = await remote.connectPublisher();
    const sent = Array.from({ length: 3_000 }, (_, n) => order(`order-${n % 30}`, Math.floor(n / 30) + 1));
    let cuts = 0;
    for (let from = 0; from < sent.length; from += 600) {
      const published = publishUntilConfirmed(publisher, sent.slice(from, from + 600));
      await vi.waitUntil(() => consumer.handled.length > from / 2, patience);
      line.cut();
      line.heal();
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

  test("with all that was deleted while it was away", async () => {
    await using bench = await openRemoteBench(1);
    const { remote, line, namespace, stranger } = bench;
    await using consumer = await listen(remote);
    await using publisher = await remote.connectPublisher();
    line.cut();
    for (const queue of ["billing", "billing.dlq"]) await stranger.deleteQueue(`${namespace}.${queue}`);
    for (const exchange of ["events", "work", "dead"]) await stranger.deleteExchange(`${namespace}.${exchange}`);
    line.heal();
    const sent = order("order-1");
    await publishUntilConfirmed(publisher, [sent]);
    await vi.waitFor(() => expect(consumer.handled).toEqual([sent]), patience);
  });

  test("after a line that swallows everything, on which a publish fails in time", async () => {
    await using bench = await openRemoteBench(60);
    const { remote, line } = bench;
    await using consumer = await listen(remote);
    await using publisher = await remote.connectPublisher();
    line.swallow();
    const sent = [order("order-1", 1), order("order-1", 2)];
    const failure = await publisher.publish(sent).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(PublishError);
    expect(failure).toMatchObject({ failures: sent.map(({ id }) => ({ id, refused: false })) });
    expect(String(failure)).toContain("confirmed nothing for 10000 ms");

    line.heal();
    await publishUntilConfirmed(publisher, sent);
    await vi.waitFor(() => expect(firstOfEach(consumer.handled)).toEqual(sent), patience);
  });

  test("from a silence that only its heartbeats tell of", async () => {
    await using bench = await openRemoteBench(1);
    const { remote, line, errors } = bench;
    await using consumer = await listen(remote);
    line.swallow();
    await vi.waitUntil(() => errors.length > 0, patience);
    const sent = order("order-1");
    await publish(bench.transport, [sent]);
    line.heal();
    await vi.waitFor(() => expect(consumer.handled).toEqual([sent]), patience);
  });

  test("while a handler runs, whose message then comes again after it and not beside it", async () => {
    await using bench = await openRemoteBench(1);
    const { remote, line, namespace, stranger } = bench;
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    await using consumer = await listen(remote, () => gate);
    const sent = order("order-1");
    await publish(bench.transport, [sent]);
    await vi.waitUntil(() => consumer.begun.length === 1, patience);
    line.cut();
    line.heal();
    await vi.waitUntil(async () => (await stranger.checkQueue(`${namespace}.billing`)).consumerCount > 0, patience);
    expect(consumer.begun).toHaveLength(1);
    open();
    await vi.waitFor(() => expect(consumer.handled).toEqual([sent, sent]), patience);
  });
});

describe.skipIf(isExcused)("a subscriber of RabbitMQ", { timeout: 120_000 }, () => {
  test("closes on a silent line, also while it opens the connection for its first dead letter", async () => {
    await using bench = await openRemoteBench(60);
    const { remote, line } = bench;
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const consumer = await listen(remote, async () => {
      await gate;
      throw new RejectedError("no such customer");
    });
    await publish(bench.transport, [order("order-1")]);
    await vi.waitUntil(() => consumer.begun.length === 1, patience);
    line.swallow();
    open();
    await consumer[Symbol.asyncDispose]();
    expect(consumer.failures).toMatchObject([{ deadLettered: false }]);
  });
});

/** A bench with a second transport, which has a line to the broker on which accidents can be had. */
async function openRemoteBench(heartbeatSeconds: number) {
  const opened = new AsyncDisposableStack();
  const { url, line } = opened.use(await openLine());
  const bench = opened.use(await openBench());
  const errors: Error[] = [];
  const remote = rabbitmqTransport({
    url: `${url}?heartbeat=${heartbeatSeconds}`,
    namespace: bench.namespace,
    onError: (error) => errors.push(error),
  });
  return { ...bench, remote, errors, line, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

function firstOfEach(envelopes: readonly Envelope[]): Envelope[] {
  return [...new Map(envelopes.toReversed().map((envelope) => [envelope.id, envelope])).values()].reverse();
}
