import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { missing, startKafka } from "@throughline/local/brokers";
import { freeBasePort } from "@throughline/local/ports";
import { describe, expect, test, vi } from "vitest";
import { kafkaTransport } from "../kafka.ts";
import { clients, order } from "./testing/shop.ts";

const patience = { timeout: 60_000, interval: 50 };

// With CI=true a missing broker is a failure.
describe.skipIf(missing.kafka !== undefined && process.env.CI !== "true")("a Kafka that is killed", () => {
  test.each(clients)(
    "and starts again is used by %s again, and what it took is handled",
    { timeout: 180_000 },
    async (client) => {
      await using kafka = await startOwn();
      const transport = kafkaTransport({ client, brokers: [kafka.address], namespace: "dev", sessionTimeoutMs: 6_000 });
      const handled = new Set<string>();
      await using subscriber = await transport.connectSubscriber();
      const handler = async ({ id }: { readonly id: string }) => void handled.add(id);
      await subscriber.subscribe({ group: "billing", types: ["order.created"], handler });
      await using publisher = await transport.connectPublisher();
      const [taken, refused]: [string[], unknown[]] = [[], []];
      const publishUntil = async (isEnough: () => boolean) => {
        while (!isEnough()) {
          const batch = Array.from({ length: 10 }, (_, n) => order(`order-${n}`));
          await publisher.publish(batch).then(
            () => taken.push(...batch.map(({ id }) => id)),
            (error: unknown) => refused.push(error),
          );
        }
      };
      await publishUntil(() => taken.length >= 100);
      const killed = kafka.kill();
      await publishUntil(() => refused.length >= 1);
      await killed;
      await kafka.start();
      const before = taken.length;
      await publishUntil(() => taken.length >= before + 100);
      await vi.waitUntil(() => taken.every((id) => handled.has(id)), patience);
      expect(String(refused[0])).toMatch(/Kafka did not take the envelopes|may be missing/);
    },
  );
});

async function startOwn() {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "throughline-"));
  opened.defer(() => rm(folder, { recursive: true }));
  const options = { port: await freeBasePort(), dataDir: join(folder, "kafka"), log: () => {} };
  let broker = await startKafka(options);
  opened.defer(() => broker[Symbol.asyncDispose]());
  const stack = opened.move();
  return {
    address: broker.url,
    async kill() {
      process.kill(broker.pid, "SIGKILL");
      await broker[Symbol.asyncDispose]();
    },
    async start() {
      broker = await startKafka(options);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
