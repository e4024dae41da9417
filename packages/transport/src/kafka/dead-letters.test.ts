import { RejectedError, serializeEnvelope } from "@throughline/envelope";
import { describe, expect, test, vi } from "vitest";
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
  },
);

function refuse(): Promise<never> {
  return Promise.reject(new RejectedError("no"));
}
