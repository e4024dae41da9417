import { decide, migrations as eventStore, loadState, rebuildView } from "@throughline/event-store";
import { connect, openTestDatabase } from "@throughline/local/testing";
import { type Database, migrations as log } from "@throughline/log";
import { migrations as outbox } from "@throughline/outbox";
import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { orders } from "./order.ts";
import { keepDoing, runAnOrder } from "./testing/load.ts";
import { findOrder, orderView, saveOrderView } from "./views.ts";

const own = { name: "order", folder: `${import.meta.dirname}/../migrations` };
test("a view is rebuilt under load: no write is lost, and no reader sees it half done", async () => {
  await using shop = await openTestDatabase(log, eventStore, outbox, own);
  const { database } = shop;
  for (let number = 0; number < 100; number += 1) await runAnOrder(database, number);
  // Of an order whose row is wrong, a reader sees all of what is wrong, or nothing of it.
  await database.execute(
    "delete from orders where order_id in (select order_id from orders order by order_id limit 30)",
  );
  await database.execute("update orders set customer_id = 'nobody'");
  await database.execute(
    sql`insert into orders select (jsonb_populate_record(orders, '{"order_id": "ghost"}')).* from orders limit 1`,
  );

  const seen: { total: number; wrong: number }[] = [];
  const look = async () => {
    const { rows } = await database.execute<{ total: number; wrong: number }>(
      "select count(*)::int as total, count(*) filter (where customer_id = 'nobody')::int as wrong from orders",
    );
    seen.push(...rows);
  };
  const rebuild = () => rebuildView(database, orders, orderView);
  const [first] = await meanwhile(database, look, async () => [await rebuild(), await rebuild(), await rebuild()]);

  expect(first).toMatchObject({ removed: 71 });
  expect(first?.added).toBeGreaterThanOrEqual(100);
  const wrong = seen.map((one) => one.wrong);
  expect(wrong).toEqual(wrong.toSorted((a, b) => b - a));
  expect(new Set(wrong)).toEqual(new Set([71, 0]));
  const totals = seen.map(({ total }) => total);
  expect(totals).toEqual(totals.toSorted((a, b) => a - b));

  const { rows } = await database.execute<{ stream_id: string }>("select stream_id from streams");
  const placed = rows.map(({ stream_id }) => stream_id.slice("order-".length));
  expect(await database.execute("select from orders")).toMatchObject({ rowCount: placed.length });
  for (const orderId of placed) {
    const { state } = await loadState(database, orders, orderId);
    expect(await findOrder(database, orderId)).toMatchObject(state ?? {});
  }
  expect(await rebuildView(database, orders, orderView)).toEqual({ removed: 0, added: 0 });
});

test("a rebuild waits for no writer that has not come to its row, and that one writes it afterwards", async () => {
  await using shop = await openTestDatabase(log, eventStore, outbox, own);
  const { database } = shop;
  const orderId = await runAnOrder(database, 3);
  await database.transaction(async (tx) => {
    const cancel = { type: "cancel", reason: "changed my mind" } as const;
    const { state, events } = await decide(tx, orders, orderId, cancel);
    // From its event on, the log is not read to its end, so that all of these are left for the moment of the switch.
    await Promise.all(Array.from({ length: 120 }, (_, number) => runAnOrder(database, number)));
    await database.execute("update orders set customer_id = 'nobody'");
    expect(await rebuildView(database, orders, orderView)).toEqual({ removed: 121, added: 121 });
    if (state) await saveOrderView(tx, orderId, state, events);
  });
  expect(await findOrder(database, orderId)).toMatchObject({ customerId: "c-1", status: "cancelled" });
  expect(await rebuildView(database, orders, orderView)).toEqual({ removed: 0, added: 0 });
});

test("a view that is right is not touched, and one that cannot be rebuilt stays as it is", async () => {
  await using shop = await openTestDatabase(log, eventStore, outbox, own);
  const { database } = shop;
  const orderId = await runAnOrder(database, 0);
  const before = await findOrder(database, orderId);
  expect(await rebuildView(database, orders, orderView)).toEqual({ removed: 0, added: 0 });
  await database.execute("update events set schema_version = 2 where version = 1");
  await expect(rebuildView(database, orders, orderView)).rejects.toThrow("placed is of version 2");
  expect(await findOrder(database, orderId)).toEqual(before);
});

test("a connection that rebuilt a view once rebuilds it again beside the live one, and goes on writing to that", async () => {
  await using shop = await openTestDatabase(log, eventStore, outbox, own);
  await using alone = connect(shop.url, 1);
  const orderId = await runAnOrder(alone.database, 0);
  for (const round of [1, 2, 3]) {
    await shop.database.execute("update orders set customer_id = 'nobody'");
    expect({ round, ...(await rebuildView(alone.database, orders, orderView)) }).toEqual({
      round,
      removed: round,
      added: round,
    });
    await runAnOrder(alone.database, round);
  }
  expect(await findOrder(shop.database, orderId)).toMatchObject({ customerId: "c-1" });
});

/** What comes of it while orders are written and somebody looks. */
async function meanwhile<Result>(database: Database, look: () => Promise<void>, work: () => Promise<Result>) {
  await using _writers = keepDoing((number) => runAnOrder(database, number), 6);
  await using _reader = keepDoing(look);
  return await work();
}
