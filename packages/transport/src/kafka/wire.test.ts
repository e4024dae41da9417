import { execFile, execFileSync } from "node:child_process";
import { promisify } from "node:util";
import { serializeEnvelope } from "@throughline/envelope";
import { describe, expect, test, vi } from "vitest";
import { batchesIn } from "./testing/batches.ts";
import { brokers, clients, idsOf, openShop, order, patience, type } from "./testing/shop.ts";

const bootstrap = brokers.join(",");
/** In the order of Kafka's numbers for them. */
const codecs = ["none", "gzip", "snappy", "lz4", "zstd"];

// With CI=true a missing broker is a failure.
describe.skipIf(brokers.length === 0 && process.env.CI !== "true").concurrent.each(clients)(
  "what %s writes to Kafka",
  (client) => {
    test.skipIf(!hasKcat() && process.env.CI !== "true").each(["none", "gzip", "zstd"] as const)(
      "is read by kcat, compression %s",
      async (compression) => {
        await using shop = await openShop({ client, compression, partitions: 1 });
        const sent = [order("order-1"), order("order-1", 2)];
        await shop.publish(sent);
        const { stdout } = await promisify(execFile)("kcat", [
          "-C",
          "-q",
          "-e",
          "-J",
          "-b",
          bootstrap,
          "-t",
          shop.topic,
        ]);
        const read = stdout
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line));
        expect(read).toMatchObject(sent.map((envelope) => ({ key: "order-1", payload: serializeEnvelope(envelope) })));
        const headers = ["id", sent[0]?.id, "eventType", type, "schemaVersion", "1", "source", "test"];
        expect(read[0].headers.slice(0, 8)).toEqual(headers);
      },
    );

    test.each([
      ["none", 0],
      ["gzip", 1],
      ["zstd", 4],
    ] as const)("stands there compressed by %s, and is smaller for it", async (compression, codec) => {
      await using shop = await openShop({ client, compression, partitions: 1 });
      await shop.publish(Array.from({ length: 200 }, (_, n) => order("order-1", n + 1)));
      const [batch] = await batchesIn(shop.topic);
      expect(batch && batch.attributes & 0b111).toBe(codec);
      const plain = 200 * serializeEnvelope(order("order-1")).length;
      if (compression !== "none") expect(batch?.length).toBeLessThan(plain / 4);
    });

    test.each(clients)("is read by %s, in whatever compression", async (reader) => {
      await using shop = await openShop({ client: reader });
      const { handled } = await shop.listen();
      const sent = ["none", "gzip", "zstd"].map((key) => order(key));
      for (const envelope of sent) {
        const compression = envelope.key as "none" | "gzip" | "zstd";
        await using writer = await openShop({ client, compression, namespace: shop.namespace });
        await writer.publish([envelope]);
      }
      await vi.waitUntil(() => handled.length === sent.length, patience);
      expect(idsOf(handled)).toEqual(idsOf(sent));
    });
  },
);

describe.skipIf(brokers.length === 0 && process.env.CI !== "true").concurrent("on Kafka", () => {
  test.skipIf(!hasKcat() && process.env.CI !== "true").each(clients)(
    "what kcat writes is read by %s, in whatever compression",
    async (client) => {
      await using shop = await openShop({ client, partitions: 1 });
      const { handled } = await shop.listen();
      const sent = codecs.map((codec) => bulky(codec));
      for (const envelope of sent) {
        const { key } = envelope;
        const written = promisify(execFile)("kcat", ["-P", "-b", bootstrap, "-t", shop.topic, "-k", key, "-z", key]);
        written.child.stdin?.end(serializeEnvelope(envelope));
        await written;
      }
      expect((await batchesIn(shop.topic)).map(codecOf)).toEqual(codecs);
      await vi.waitUntil(() => handled.length === sent.length, patience);
      expect(handled).toEqual(expect.arrayContaining(sent));
    },
  );

  test.each(clients)("what Java compresses is read by %s", async (client) => {
    await using shop = await openShop({ client });
    // The broker itself compresses what comes to such a topic.
    const compressed = codecs.slice(1).map((codec) => ({ codec, type: `order.${codec}` }));
    for (const { codec, type } of compressed) {
      await shop.stranger.createTopic(`${shop.namespace}.${type}`, 1, { "compression.type": codec });
    }
    const { handled } = await shop.listen(undefined, { types: compressed.map(({ type }) => type) });
    const sent = compressed.map(({ type }) => bulky("order-1", type));
    await shop.publish(sent);
    for (const { codec, type } of compressed) {
      expect((await batchesIn(`${shop.namespace}.${type}`)).map(codecOf)).toEqual([codec]);
    }
    await vi.waitUntil(() => handled.length === sent.length, patience);
    expect(handled).toEqual(expect.arrayContaining(sent));
  });

  test("both libraries put a key into the same partition", async () => {
    await using one = await openShop({ client: "kafkajs", partitions: 12 });
    await using other = await openShop({ client: "platformatic", namespace: one.namespace });
    const keys = Array.from({ length: 50 }, (_, n) => `order-${n}`);
    for (const { publish } of [one, other]) await publish(keys.map((key) => order(key)));
    const read = await one.stranger.read(one.topic, 100);
    for (const key of keys) {
      const partitions = read.filter((message) => message.key?.toString() === key).map(({ partition }) => partition);
      expect(new Set(partitions).size).toBe(1);
    }
  });

  test("a group has members of both libraries, through which a service moves from one to the other", async () => {
    await using old = await openShop({ client: "kafkajs" });
    await using young = await openShop({ client: "platformatic", namespace: old.namespace });
    const sent = Array.from({ length: 60 }, (_, n) => order(`order-${n}`));
    const [leaving, staying] = [await old.listen(), await young.listen()];
    await old.publish(sent.slice(0, 30));
    const all = () => [...leaving.handled, ...staying.handled];
    await vi.waitUntil(() => all().length === 30, patience);
    for (const { handled } of [leaving, staying]) expect(handled.length).toBeGreaterThan(0);
    await leaving.leave();
    await old.publish(sent.slice(30));
    await vi.waitUntil(async () => (await young.backlog()).waiting === 0, patience);
    expect(idsOf(all())).toEqual(idsOf(sent));
  });
});

function hasKcat(): boolean {
  try {
    execFileSync("kcat", ["-V"]);
    return true;
  } catch {
    return false; // Not being there is the answer.
  }
}

/** More than a block of any codec holds, so that it is worth compressing. */
function bulky(key: string, ofType = type) {
  const lines = Array.from({ length: 10_000 }, (_, n) => `line ${n} of an order`);
  return { ...order(key, 1, ofType), data: { lines } };
}

function codecOf({ attributes }: { readonly attributes: number }): string | undefined {
  return codecs[attributes & 0b111];
}
