import { describe, expect, test, vi } from "vitest";
import { rabbitmqTransport } from "../rabbitmq.ts";
import { cannotStart, createCertificates, startOwnBroker } from "./testing/own-broker.ts";
import { isExcused, listen, openBench, order, patience, publish } from "./testing/under-test.ts";

describe.skipIf(cannotStart)("RabbitMQ over TLS", () => {
  test("carries messages for those it knows, and tells all others what is wrong", { timeout: 300_000 }, async () => {
    using certificates = createCertificates();
    const { text } = certificates;
    await using broker = await startOwnBroker(certificates);
    const own = { ca: text("ca.pem"), cert: text("client.pem"), key: text("client.key") };
    const transport = rabbitmqTransport({ url: broker.url, tls: own, namespace: "tls" });
    await using consumer = await listen(transport);
    const sent = order("order-1");
    await publish(transport, [sent]);
    await vi.waitFor(() => expect(consumer.handled).toEqual([sent]), patience);

    const said = async (url: string, tls: Parameters<typeof rabbitmqTransport>[0]["tls"] = own) =>
      rabbitmqTransport({ url, tls, namespace: "tls", onError: () => undefined })
        .connectPublisher()
        .catch(({ message }: Error) => message);
    expect(await said(broker.url, { ...own, ca: text("stranger.pem") })).toMatch(/give that authority's as tls\.ca/);
    expect(await said(broker.url, {})).toMatch(/give that authority's as tls\.ca/);
    expect(await said(broker.url, { ca: own.ca })).toMatch(/give tls\.cert and tls\.key/);
    const byStranger = { ca: own.ca, cert: text("stranger.pem"), key: text("stranger.key") };
    expect(await said(broker.url, byStranger)).toMatch(/give tls\.cert and tls\.key/);
    expect(await said(broker.url.replace("127.0.0.1", "localhost"))).toMatch(/for another host than the one in url/);
    expect(await said(broker.url.replace("amqps:", "amqp:"))).toMatch(/takes TLS only, url begins with amqps:/);
  });
});

describe.skipIf(isExcused)("RabbitMQ without TLS", () => {
  test("tells who comes with it", async () => {
    await using bench = await openBench();
    const { namespace } = bench;
    const transport = rabbitmqTransport({ url: bench.url.replace("amqp:", "amqps:"), namespace });
    await expect(transport.connectPublisher()).rejects.toThrow("speaks no TLS, and url begins with amqps://");
  });
});
