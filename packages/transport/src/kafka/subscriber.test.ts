import { setImmediate } from "node:timers/promises";
import { type Envelope, RejectedError } from "@throughline/envelope";
import { describe, expect, test, vi } from "vitest";
import { buildRoad } from "./testing/road.ts";
import { brokers, clients, idsOf, openShop, order, patience, textsOf, type } from "./testing/shop.ts";

// With CI=true a missing broker is a failure.
describe.skipIf(brokers.length === 0 && process.env.CI !== "true").concurrent.each(clients)(
  "a subscriber on Kafka, by %s",
  (client) => {
    test("a dead letter names the place it came from and the reason", async () => {
      await using shop = await openShop({ client });
      await shop.listen(async ({ sequence }) => {
        if (sequence === 2) throw new RejectedError("no such customer");
        if (sequence === 3) throw new Error("out of stock", { cause: new Error("warehouse closed") });
      });
      const sent = [order("order-1"), order("order-1", 2), order("order-1", 3)];
      await shop.publish(sent);
      const deadLetters = await shop.stranger.read(`${shop.topic}.DLT`, 2);
      const originals = await shop.stranger.read(shop.topic, 3);
      for (const [index, { key, value, headers }] of deadLetters.entries()) {
        const original = originals[index + 1];
        const expected = {
          ...textsOf(original?.headers),
          originalTopic: shop.topic,
          originalPartition: String(original?.partition),
          originalOffset: original?.offset,
          originalTimestamp: original?.timestamp,
          group: "billing",
        };
        expect([key, value]).toEqual([original?.key, original?.value]);
        expect(textsOf(headers)).toMatchObject(expected);
      }
      const [rejected, failed] = deadLetters.map(({ headers }) => textsOf(headers));
      expect(rejected).toMatchObject({ attempts: "1", errorName: "RejectedError", errorMessage: "no such customer" });
      expect(failed).toMatchObject({ attempts: "2", errorName: "Error", errorMessage: "out of stock" });
      expect(failed?.errorStack).toContain("warehouse closed");
    });

    test("a message without a value is set aside", async () => {
      await using shop = await openShop({ client });
      const { failures } = await shop.listen();
      await shop.stranger.send(shop.topic, null, "order-1");
      await vi.waitUntil(() => failures.length > 0, patience);
      const [deadLetter] = await shop.stranger.read(`${shop.topic}.DLT`, 1);
      expect([deadLetter?.key?.toString(), deadLetter?.value]).toEqual(["order-1", null]);
    });

    test("where the broker has lost the place of the group, it begins with the oldest message that is there", async () => {
      await using shop = await openShop({ client, partitions: 1 });
      await shop.publish([order("order-1"), order("order-2")]);
      const partitions = [{ partition: 0, offset: "1000" }];
      await shop.stranger.admin.setOffsets({ groupId: `${shop.namespace}.billing`, topic: shop.topic, partitions });
      const { handled } = await shop.listen();
      await vi.waitUntil(() => handled.length === 2, patience);
      expect(handled.map(({ key }) => key)).toEqual(["order-1", "order-2"]);
    });

    test("nothing is committed before it is handled, and not past what is still in hand", async () => {
      await using shop = await openShop({ client, partitions: 1 });
      const [slow, fast] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const { begun, handled } = await shop.listen(({ key }) => (key === "slow" ? slow.promise : fast.promise));
      await shop.publish([order("order-1"), order("slow"), order("order-2")]);
      await vi.waitUntil(() => begun.length === 3, patience);
      expect(await shop.committed()).toBe(0);
      fast.resolve();
      await vi.waitUntil(async () => (await shop.committed()) === 1, patience);
      expect(handled.map(({ key }) => key)).toEqual(["order-1", "order-2"]);
      slow.resolve();
      await vi.waitUntil(async () => (await shop.committed()) === 3, patience);
    });

    test("a handler slower than the session timeout keeps its partition", async () => {
      await using shop = await openShop({ client, sessionTimeoutMs: 10_000 });
      const { promise: outlasted, resolve } = Promise.withResolvers<void>();
      const first = await shop.listen(() => outlasted);
      await shop.publish([order("order-1")]);
      await vi.waitUntil(() => first.begun.length === 1, patience);
      setTimeout(resolve, 11_000);
      await outlasted;
      await vi.waitUntil(async () => (await shop.committed()) === 1, patience);
      expect([first.begun.length, first.failures]).toEqual([1, []]);
    });

    test("5,000 messages arrive once each", async () => {
      await using shop = await openShop({ client });
      const { handled } = await shop.listen(undefined, { concurrency: 100 });
      const sent = Array.from({ length: 5_000 }, (_, n) => order(`order-${n % 500}`, n + 1));
      await shop.publish(sent);
      await vi.waitUntil(async () => (await shop.committed()) === sent.length, patience);
      expect(handled).toHaveLength(sent.length);
      expect(idsOf(handled)).toEqual(idsOf(sent));
    });

    test("members that come and go under load lose nothing", async () => {
      await using shop = await openShop({ client });
      const handled = new Set<string>();
      const handle = async ({ id }: Envelope) => {
        await setImmediate();
        handled.add(id);
      };
      await shop.listen(handle);
      const sent: Envelope[] = [];
      let isOver = false;
      const load = (async () => {
        while (!isOver) {
          const batch = Array.from({ length: 50 }, (_, n) => order(`order-${n}`, sent.length + n + 1));
          sent.push(...batch);
          await shop.publish(batch);
        }
      })();
      for (let round = 0; round < 3; round += 1) {
        const guest = await shop.listen(handle);
        await vi.waitUntil(() => guest.handled.length > 0, patience);
        await guest.leave();
      }
      isOver = true;
      await load;
      await vi.waitUntil(() => handled.size === sent.length, patience);
    });

    test("a key that is stuck holds up neither other keys nor other partitions", async () => {
      await using shop = await openShop({ client, partitions: 2 });
      const { promise: unstuck, resolve } = Promise.withResolvers<void>();
      const { handled } = await shop.listen(({ key }) => (key === "stuck" ? unstuck : Promise.resolve()));
      const stuck = Array.from({ length: 1_000 }, (_, n) => order("stuck", n + 1));
      const others = Array.from({ length: 4_000 }, (_, n) => order(`order-${n % 100}`, n + 1));
      await shop.publish([...stuck, ...others]);
      const isThrough = (envelope: Envelope) => envelope.key !== "stuck";
      await vi.waitUntil(() => handled.filter(isThrough).length > 1_000, patience);
      expect(handled.every(isThrough)).toBe(true);
      resolve();
      await vi.waitUntil(() => handled.length === 5_000, patience);
      expect(handled.filter(({ key }) => key === "stuck")).toEqual(stuck);
    });

    test("a broker that comes back is used again, without help", async () => {
      await using road = await buildRoad(brokers[0] ?? "");
      await using shop = await openShop({ client, brokers: [road.address], sessionTimeoutMs: 6_000 });
      const { handled, failures } = await shop.listen();
      await shop.publish([order("order-1")]);
      await vi.waitUntil(() => handled.length === 1, patience);
      road.cut();
      await expect(shop.publish([order("order-1", 2)])).rejects.toThrow("Kafka did not take the envelopes");
      await vi.waitUntil(() => failures.some(({ error }) => error.message.includes("starts again")), patience);
      road.heal();
      const sent = order("order-1", 3);
      await shop.publish([sent]);
      await vi.waitUntil(() => handled.some(({ id }) => id === sent.id), patience);
    });

    test("a member that is cut off loses what it had in hand to the next", async () => {
      await using road = await buildRoad(brokers[0] ?? "");
      await using cut = await openShop({ client, brokers: [road.address], sessionTimeoutMs: 6_000 });
      await using next = await openShop({ client, namespace: cut.namespace });
      const { promise: released, resolve: release } = Promise.withResolvers<void>();
      const first = await cut.listen(() => released);
      const sent = order("order-1");
      await cut.publish([sent]);
      await vi.waitUntil(() => first.begun.length === 1, patience);
      road.cut();
      const second = await next.listen();
      await vi.waitUntil(() => second.handled.length === 1, patience);
      release();
      await vi.waitUntil(async () => (await next.committed()) === 1, patience);
      expect(second.handled).toEqual([sent]);
    });

    test("a type that only some members know reaches them", async () => {
      await using shop = await openShop({ client });
      const old = await shop.listen(undefined, { types: [type] });
      const young = await shop.listen(undefined, { types: [type, "order.cancelled"] });
      const sent = Array.from({ length: 20 }, (_, n) => order(`order-${n}`, 1, "order.cancelled"));
      await shop.publish(sent);
      await vi.waitUntil(() => young.handled.length === sent.length, patience);
      expect(old.handled).toEqual([]);
    });

    test("messages of one key meet in one member, whatever their type", async () => {
      await using shop = await openShop({ client, partitions: 3 });
      const types = [type, "order.cancelled"];
      const members = [await shop.listen(undefined, { types }), await shop.listen(undefined, { types })];
      const keys = Array.from({ length: 20 }, (_, n) => `order-${n}`);
      await shop.publish(types.flatMap((ofType) => keys.map((key) => order(key, 1, ofType))));
      await vi.waitUntil(() => members.flatMap(({ handled }) => handled).length === 40, patience);
      for (const { handled } of members) {
        for (const key of keys) expect([0, 2]).toContain(handled.filter((envelope) => envelope.key === key).length);
      }
    });

    test("no offset moves past a message before its dead letter is written", async () => {
      await using shop = await openShop({ client, partitions: 1 });
      await shop.stranger.createTopic(`${shop.topic}.DLT`, 1, { "max.message.bytes": "100" });
      const { failures } = await shop.listen(() => Promise.reject(new RejectedError("no")));
      await shop.publish([order("order-1")]);
      await vi.waitUntil(() => failures.length >= 2, patience);
      expect(failures.every(({ deadLettered }) => !deadLettered)).toBe(true);
      expect(await shop.committed()).toBe(0);
      await shop.stranger.admin.alterConfigs({
        validateOnly: false,
        resources: [
          { type: 2, name: `${shop.topic}.DLT`, configEntries: [{ name: "max.message.bytes", value: "100000" }] },
        ],
      });
      await vi.waitUntil(async () => (await shop.committed()) === 1, patience);
      expect(await shop.stranger.read(`${shop.topic}.DLT`, 1)).toHaveLength(1);
    });
  },
);
