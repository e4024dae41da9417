import { query } from "@throughline/log";
import { expect, test } from "vitest";
import { noted, publish, until } from "./test-inbox.ts";
import { about, leftOver, openShop, pass } from "./test-shop.ts";

test("a waiting message that dies at its turn keeps its place, and those behind it wait for it", async () => {
  await using shop = await openShop();
  const [first, second, third] = [about("k", "1"), about("k", "2"), about("k", "3")];
  shop.refused.add(first.id).add(second.id);
  await publish(shop.road, [first, second, third]);
  await until(() => shop.consumer.status().putAside === 2);
  await pass(shop.database, first);
  await until(() => shop.consumer.status().deadLettered === 2);
  const [dead] = await query(
    shop.database,
    "dead",
    "select message_id, attempts, error_name, error_message from inbox_parked where died_at is not null",
  );
  expect(dead).toEqual({
    message_id: second.id,
    attempts: 1,
    error_name: "RejectedError",
    error_message: "refused\ufffd",
  });
  expect(await shop.effects()).toEqual([]);

  await pass(shop.database, second);
  await until(() => shop.consumer.status().handled === 1);
  expect(await shop.effects()).toEqual(["3"]);
});

test("a waiting message that fails now and then is tried again at its place", async () => {
  await using shop = await openShop();
  const [first, second, third] = [about("k", "1"), about("k", "2"), about("k", "3")];
  shop.refused.add(first.id);
  shop.failures.set(second.id, 2);
  await publish(shop.road, [first, second, third]);
  await until(() => shop.consumer.status().putAside === 2);
  await pass(shop.database, first);
  await until(() => shop.consumer.status().handled === 2);
  expect(await shop.effects()).toEqual(["2", "3"]);
});

test("a waiting message that ended every process that had it in hand dies at its place, and is not tried again", async () => {
  await using shop = await openShop();
  const [first, second, third] = [about("k", "1"), about("k", "2"), about("k", "3")];
  shop.refused.add(first.id);
  await publish(shop.road, [first, second, third]);
  await until(() => shop.consumer.status().putAside === 2);
  await shop.database.transaction(async (tx) => {
    await pass(tx, first);
    // As three processes leave it that claimed it and were killed.
    await query(tx, "kill", "update inbox_parked_keys set attempts = 3");
  });
  await until(() => shop.consumer.status().deadLettered === 2);
  const [dead] = await query(
    shop.database,
    "dead",
    "select message_id, attempts, error_message from inbox_parked where died_at is not null",
  );
  expect(dead).toEqual({
    message_id: second.id,
    attempts: 4,
    error_message: `3 attempts at ${noted.type} ${second.id} left no outcome: it may end whoever handles it`,
  });
  await pass(shop.database, second);
  await until(() => shop.consumer.status().handled === 1);
  expect(await shop.effects()).toEqual(["3"]);
});

test("two dead messages of a key are waited for in their order, whichever is sent again first", async () => {
  await using shop = await openShop();
  const [first, second, third] = [about("k", "1"), about("k", "2"), about("k", "3")];
  shop.refused.add(first.id).add(second.id);
  shop.failures.set(first.id, 0);
  await publish(shop.road, [first]);
  await until(() => shop.consumer.status().deadLettered === 1);
  await publish(shop.road, [second, third]);
  await until(() => shop.consumer.status().putAside === 2);
  shop.refused.clear();
  await publish(shop.road, [second, first]);
  await until(() => shop.consumer.status().handled === 3);
  expect(await shop.effects()).toEqual(["1", "2", "3"]);
});

test("a full disk costs a waiting message no attempt", async () => {
  await using shop = await openShop({ timeoutMs: 200 });
  const [first, second] = [about("k", "1"), about("k", "2")];
  shop.refused.add(first.id);
  shop.roomless.add(second.id);
  await publish(shop.road, [first, second]);
  await until(() => shop.consumer.status().putAside === 1);
  await pass(shop.database, first);
  // Three of its own would have been the end of it.
  await until(() => shop.consumer.status().failed >= 5);
  shop.roomless.clear();
  await until(() => shop.consumer.status().handled === 1);
  expect(await shop.effects()).toEqual(["2"]);
  expect(await leftOver(shop.database)).toBe(0);
});
