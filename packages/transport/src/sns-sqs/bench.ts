import type { Envelope } from "@throughline/envelope";
import { uniqueName } from "@throughline/local/testing";
import { vi } from "vitest";
import type { SnsSqsTransportOptions } from "../sns-sqs.ts";
import type { Failure, Subscription } from "../transport.ts";
import { type Call, startFaultProxy } from "./fault-proxy.ts";
import { account, snsSqsUnderTest } from "./under-test.ts";

export type { Answer, Call } from "./fault-proxy.ts";
export type Bench = Awaited<ReturnType<typeof openBench>>;

/** A namespace of its own on the emulator, with a proxy before it and a stranger beside it. */
export async function openBench(options: Partial<SnsSqsTransportOptions> = {}) {
  const opened = new AsyncDisposableStack();
  const proxy = opened.use(await startFaultProxy(account.endpoint));
  const namespace = uniqueName("t");
  const { transport, stranger } = snsSqsUnderTest(namespace, { endpoint: proxy.url, ...options });
  opened.use(stranger);
  const publisher = opened.use(await transport.connectPublisher());
  const connect = async () => opened.use(await transport.connectSubscriber());
  const ended = Promise.withResolvers<void>();

  return {
    namespace,
    proxy,
    stranger,
    transport,
    road: transport.deadLetters,
    /** Closed with the bench. */
    opened,
    connect,
    eventually,
    called: (action: string): readonly Call[] => proxy.calls.filter((call) => call.action === action),
    publish: (envelopes: readonly Envelope[]) => publisher.publish(envelopes),
    backlog: (group = "billing") => transport.backlog(group, ["order.created"]),
    async listen(
      handler: (envelope: Envelope) => Promise<void> = async () => {},
      subscription: Partial<Subscription> = {},
      subscriber?: Awaited<ReturnType<typeof connect>>,
    ) {
      const begun: Envelope[] = [];
      const failures: Failure[] = [];
      await (subscriber ?? (await connect())).subscribe({
        group: "billing",
        types: ["order.created"],
        retryDelayMs: 10,
        onFailure: (failure) => failures.push(failure),
        ...subscription,
        async handler(envelope) {
          begun.push(envelope);
          await Promise.race([handler(envelope), ended.promise]);
        },
      });
      return { begun, failures };
    },
    /** Subscribes and leaves, so that what is published then stays in the queue. */
    async declare(types = ["order.created"], attempts = 3) {
      await using subscriber = await transport.connectSubscriber();
      await subscriber.subscribe({ group: "billing", types, attempts, handler: async () => {} });
    },
    async countsOf(queue: string) {
      const attributes = await stranger.attributesOf(queue);
      return {
        visible: Number(attributes.ApproximateNumberOfMessages),
        inFlight: Number(attributes.ApproximateNumberOfMessagesNotVisible),
      };
    },
    /** Lets handlers go that still wait for something, and closes all. */
    async [Symbol.asyncDispose]() {
      ended.resolve();
      await opened[Symbol.asyncDispose]();
    },
  };
}

export function eventually(assertions: () => unknown): Promise<unknown> {
  return vi.waitFor(assertions, { timeout: 20_000, interval: 20 });
}
