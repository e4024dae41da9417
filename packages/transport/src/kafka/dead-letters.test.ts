import { RejectedError, serializeEnvelope } from "@throughline/envelope";
import { describe, expect, test, vi } from "vitest";
import type { DeadLetter } from "../transport.ts";
import { batchesIn } from "./testing/batches.ts";
import { brokers, clients, openShop, order, patience, textsOf } from "./testing/shop.ts";

// With CI=true a missing broker is a failure.
describe.skipIf(brokers.length === 0 && process.env.CI !== "true").concurrent.each(clients)(
  "the dead letters of Kafka, by %s",
  (client) => {
    test("a group takes what it has set aside, whole, and nothing of others", async () => {
      await using shop = await openShop({ client });
      await shop.listen(refuse);
      await shop.listen(refuse, { group: "inventory" });
      const sent = order("order-1");
      await shop.publish([sent]);
      const { letters } = await shop.drain();
      await vi.waitUntil(async () => (await shop.backlog()).deadLetters === 0 && letters.length > 0, patience);
      const [original] = await shop.stranger.read(shop.topic, 1);
      expect(letters).toEqual([
        {
          group: "billing",
          origin: { name: shop.topic, partition: original?.partition, offset: original?.offset, key: "order-1" },
          body: Buffer.from(serializeEnvelope(sent)),
          headers: textsOf(original?.headers),
          error: { name: "RejectedError", message: "no", stack: expect.stringContaining("RejectedError: no") },
          attempts: 1,
          failedAt: expect.any(Date),
        },
      ]);
    });

    test("what is not taken comes again, to whoever drains next as well", async () => {
      await using shop = await openShop({ client });
      await shop.listen(refuse);
      await shop.publish([order("order-1"), order("order-2")]);
      const errors: Error[] = [];
      const first = await shop.drain(async ({ origin: { key } }) => {
        if (key === "order-1") throw new Error("the database is away");
      }, errors);
      await vi.waitUntil(() => errors.length >= 2 && first.letters.length === 1, patience);
      await first.leave();
      expect(first.letters.map(({ origin }) => origin.key)).toEqual(["order-2"]);
      const second = await shop.drain();
      await vi.waitUntil(() => second.letters.length === 1, patience);
      await vi.waitUntil(async () => (await shop.backlog()).deadLetters === 0, patience);
      expect(second.letters.map(({ origin }) => origin.key)).toEqual(["order-1"]);
    });

    test("a letter that is sent again stands in its topic once more, as it was, with the group for which it is", async () => {
      await using shop = await openShop({ client });
      let isRefused = true;
      const { handled } = await shop.listen(() => (isRefused ? refuse() : Promise.resolve()));
      const sent = order("order-1");
      await shop.publish([sent]);
      await shop.stranger.send(shop.topic, Buffer.from("no envelope"), "order-2", { note: "by hand" });
      const { letters } = await shop.drain();
      await vi.waitUntil(() => letters.length === 2, patience);
      isRefused = false;
      for (const letter of letters) await shop.deadLetters.redeliver(letter);
      await vi.waitUntil(() => handled.length === 1, patience);
      const read = await shop.stranger.read(shop.topic, 4);
      for (const key of ["order-1", "order-2"]) {
        const [one, other] = read.filter((message) => message.key?.toString() === key);
        const content = [other?.partition, other?.value, textsOf(other?.headers)];
        expect(content).toEqual([one?.partition, one?.value, { ...textsOf(one?.headers), redeliveredTo: "billing" }]);
      }
    });

    test("a letter with binary, repeated and many headers goes back as it came, and dies as the same", async () => {
      await using shop = await openShop({ client, partitions: 1 });
      await shop.listen();
      const bytes = Buffer.from([0xff, 0x00, 0x80]);
      const headers = {
        ...Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`header-${n}`, `${n}`])),
        ...{ text: "Grüße\0", empty: "", binary: bytes, repeated: ["1", bytes, "2"], constructor: "new" },
        ...{ group: "theirs", errorName: "theirs", originalTopic: bytes, "kafka.record": "{}" },
        redeliveredTo: ["inventory", "billing"],
      };
      const keys = [bytes, Buffer.from([0, 0, 0, 7]), "order-1", "", null];
      for (const key of keys) await shop.stranger.send(shop.topic, Buffer.from("no envelope"), key, headers);
      await shop.stranger.send(shop.topic, null, "order-2", { redeliveredTo: "billing" });
      const { letters } = await shop.drain();
      const count = keys.length + 1;
      await vi.waitUntil(() => letters.length === count, patience);
      for (const letter of letters.toSorted(byOffset)) await shop.deadLetters.redeliver(asKept(letter));
      await vi.waitUntil(() => letters.length === 2 * count, patience);

      const records = (await batchesIn(shop.topic)).flatMap((batch) => batch.records.map(contentOf));
      expect(records.slice(count)).toEqual(records.slice(0, count));
      const dead = letters.toSorted(byOffset).map(({ origin: { key }, body, headers }) => ({ key, body, headers }));
      expect(dead.slice(count)).toEqual(dead.slice(0, count));
    });
  },
);

function byOffset(one: DeadLetter, other: DeadLetter): number {
  return Number(one.origin.offset) - Number(other.origin.offset);
}

/** As Postgres gives it back, which has no NUL. */
function asKept({ origin, headers, ...letter }: DeadLetter): DeadLetter {
  const key = origin.key?.replaceAll("\0", "\u{fffd}");
  return {
    ...letter,
    origin: { ...origin, ...(key === undefined ? {} : { key }) },
    headers: JSON.parse(JSON.stringify(headers)),
  };
}

function contentOf({ key, value, headers }: Awaited<ReturnType<typeof batchesIn>>[number]["records"][number]) {
  return { key, value, headers: headers.map(([name, one]) => [String(name), one]) };
}

function refuse(): Promise<never> {
  return Promise.reject(new RejectedError("no"));
}
