import { createEnvelope, runCausedBy, serializeEnvelope } from "@throughline/envelope";
import { describe, expect, test, vi } from "vitest";
import { kafkaTransport } from "../kafka.ts";
import { PublishError } from "../publish-error.ts";
import { buildRoad } from "./testing/road.ts";
import { brokers, clients, openShop, order, patience, textsOf, type } from "./testing/shop.ts";

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const warnings: string[] = [];
process.on("warning", ({ name }) => warnings.push(name));

// With CI=true a missing broker is a failure.
describe.skipIf(brokers.length === 0 && process.env.CI !== "true").concurrent.each(clients)(
  "a publisher on Kafka, by %s",
  (client) => {
    test("a stranger finds topic, key, value and headers where the contract puts them", async () => {
      await using shop = await openShop({ client });
      const sent = runCausedBy({ id: "the-cause", correlationId: "the-request", traceparent }, () => order("order-1"));
      const first = order("order-1", 2);
      await shop.publish([sent, first]);
      const [read, second] = await shop.stranger.read(shop.topic, 2);
      expect([read?.key?.toString(), read?.value?.toString()]).toEqual(["order-1", serializeEnvelope(sent)]);
      expect(textsOf(read?.headers)).toEqual({
        id: sent.id,
        eventType: type,
        schemaVersion: "1",
        source: "test",
        correlationId: "the-request",
        causationId: "the-cause",
        traceparent,
      });
      expect(Object.keys(second?.headers ?? {})).toEqual([
        "id",
        "eventType",
        "schemaVersion",
        "source",
        "correlationId",
      ]);
    });

    test("an envelope that is too large is refused by name, and holds back only its key", async () => {
      await using shop = await openShop({ client });
      const large = createEnvelope(
        { type, version: "1", key: "order-2", data: "x".repeat(1_100_000) },
        { source: "test" },
      );
      const [before, behind, beside] = [order("order-2"), order("order-2", 3), order("order-3")];
      const refusal = await shop.publish([before, large, behind, beside]).catch((error: unknown) => error);
      if (!(refusal instanceof PublishError)) throw refusal;
      expect(refusal.failures.map(({ id, refused }) => ({ id, refused }))).toEqual([
        { id: large.id, refused: true },
        { id: behind.id, refused: false },
      ]);
      const read = await shop.stranger.read(shop.topic, 2);
      expect(new Set(read.map(({ headers }) => String(headers?.id)))).toEqual(new Set([before.id, beside.id]));
    });

    test("many envelopes of one key may be larger together than one may be alone", async () => {
      await using shop = await openShop({ client });
      const sent = Array.from({ length: 30 }, (_, n) => ({ ...order("order-1", n + 1), data: "x".repeat(150_000) }));
      await shop.publish(sent);
      const read = await shop.stranger.read(shop.topic, sent.length);
      expect(read.map(({ headers }) => String(headers?.id))).toEqual(sent.map(({ id }) => id));
    });

    test("a topic that was deleted is made anew, and the others go on", async () => {
      await using shop = await openShop({ client });
      await shop.publish([order("order-1"), order("order-1", 2, "order.cancelled")]);
      await shop.stranger.admin.deleteTopics({ topics: [shop.topic] });
      await vi.waitUntil(async () => !(await shop.stranger.admin.listTopics()).includes(shop.topic), patience);
      const sent = order("order-1", 3);
      await shop.publish([order("order-1", 4, "order.cancelled")]);
      await shop.publish([sent]);
      const [read] = await shop.stranger.read(shop.topic, 1);
      expect(String(read?.headers?.id)).toBe(sent.id);
    });

    test("what is published after an answer was lost is not lost", async () => {
      await using road = await buildRoad(brokers[0] ?? "");
      await using shop = await openShop({ client, partitions: 1, brokers: [road.address] });
      await shop.publish([order("order-1")]);
      road.loseAnswers();
      await expect(shop.publish([order("order-1", 2)])).rejects.toThrow("Kafka did not take the envelopes");
      road.heal();
      const next = order("order-1", 3);
      await shop.publish([next]);
      const read = await shop.stranger.read(shop.topic, 3);
      expect(String(read.at(-1)?.headers?.id)).toBe(next.id);
    });

    test("no address, no publisher", async () => {
      const nowhere = kafkaTransport({ client, brokers: ["127.0.0.1:1"], namespace: "nowhere" });
      await expect(nowhere.connectPublisher()).rejects.toThrow("ECONNREFUSED");
      await expect(nowhere.backlog("billing", [type])).rejects.toThrow("ECONNREFUSED");
    });

    test("idle connections spin no timer", async () => {
      await using shop = await openShop({ client });
      await shop.publish([order("order-1")]);
      expect(warnings).not.toContain("TimeoutNegativeWarning");
    });
  },
);
