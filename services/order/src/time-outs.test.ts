import { sql } from "drizzle-orm";
import { expect, test, vi } from "vitest";
import { openTables, order } from "./testing/shop.ts";
import { startTimeOuts } from "./time-outs.ts";
import { placeOrder } from "./use-cases.ts";

test("time-outs that are told to end finish the page in hand and begin no other", async () => {
  await using shop = await openTables();
  const placed = await shop.database.transaction((tx) =>
    Promise.all(Array.from({ length: 250 }, () => placeOrder(tx, order))),
  );
  const inSecondPage = placed.map(({ orderId }) => orderId).toSorted()[150];
  async function cancelled(): Promise<number> {
    return await shop.database.$count(sql`orders where status = 'cancelled'`);
  }

  const onError = vi.fn<(error: unknown) => void>();
  const timeOuts = startTimeOuts(shop.database, { orderTimeoutMs: -60_000, onError });
  const ended = await shop.database.transaction(async (tx) => {
    await tx.execute(sql`select from streams where stream_id = ${`order-${inSecondPage}`} for update`);
    await vi.waitUntil(async () => (await cancelled()) === 100, { timeout: 10_000 });
    return { ending: timeOuts[Symbol.asyncDispose]() };
  });
  await ended.ending;
  expect(await cancelled()).toBe(200);
  expect(onError).not.toHaveBeenCalled();
});
