import { migrations as eventStore } from "@throughline/event-store";
import { openTestDatabase } from "@throughline/local/testing";
import { migrations as log } from "@throughline/log";
import { migrations as outbox } from "@throughline/outbox";
import { sql } from "drizzle-orm";
import { expect, test, vi } from "vitest";
import { StockError } from "./stock.ts";
import { countStock, releaseStock, reserveStock, shipStock } from "./use-cases.ts";
import { findStock } from "./views.ts";

const own = { name: "inventory", folder: `${import.meta.dirname}/../migrations` };
const oneOf = (sku: string, quantity = 1) => ({ sku, quantity });

test("an order reserves all of its items, and the world is told", async () => {
  await using shelf = await openShelf({ "cd-1": 5, "cd-2": 5 });
  await shelf.do((tx) => reserveStock(tx, "o-1", [oneOf("cd-2", 2), oneOf("cd-1"), oneOf("cd-2")]));
  expect(await shelf.stock("cd-1")).toMatchObject({ onHand: 5, reserved: 1, available: 4 });
  expect(await shelf.stock("cd-2")).toMatchObject({ onHand: 5, reserved: 3, available: 2 });
  expect(await shelf.told()).toEqual(["stock.reserved o-1"]);
});

test("an order with one sold-out item reserves nothing, and the world is told why", async () => {
  await using shelf = await openShelf({ "cd-1": 5, "cd-2": 0 });
  await shelf.do((tx) => reserveStock(tx, "o-1", [oneOf("cd-1"), oneOf("cd-2")]));
  expect(await shelf.stock("cd-1")).toMatchObject({ reserved: 0, available: 5 });
  expect(await shelf.told()).toEqual(["stock.rejected o-1"]);
});

test("an order that was cancelled before it was known reserves nothing", async () => {
  await using shelf = await openShelf({ "cd-1": 5 });
  await shelf.do((tx) => releaseStock(tx, "o-1"));
  await shelf.do((tx) => reserveStock(tx, "o-1", [oneOf("cd-1")]));
  expect(await shelf.stock("cd-1")).toMatchObject({ reserved: 0, available: 5 });
  expect(await shelf.told()).toEqual([]);
});

test("a cancelled order gives back what it held, a completed one takes it along", async () => {
  await using shelf = await openShelf({ "cd-1": 5 });
  for (const order of ["o-1", "o-2"]) await shelf.do((tx) => reserveStock(tx, order, [oneOf("cd-1", 2)]));
  for (const _ of ["first", "again"]) {
    await shelf.do((tx) => releaseStock(tx, "o-1"));
    await shelf.do((tx) => shipStock(tx, "o-2"));
  }
  expect(await shelf.stock("cd-1")).toMatchObject({ onHand: 3, reserved: 0, available: 3 });
  expect(await shelf.told()).toEqual(["stock.reserved o-1", "stock.reserved o-2", "stock.released o-1"]);
});

test("a completion that comes before the reservation is tried again later", async () => {
  await using shelf = await openShelf({});
  await expect(shelf.do((tx) => shipStock(tx, "o-1"))).rejects.toThrow("its stock is unknown");
});

test("a count below what open orders hold is refused", async () => {
  await using shelf = await openShelf({ "cd-1": 5 });
  await shelf.do((tx) => reserveStock(tx, "o-1", [oneOf("cd-1", 4)]));
  await expect(shelf.do((tx) => countStock(tx, "cd-1", 3))).rejects.toThrow(StockError);
});

test("many orders at once over the same shelves sell every piece once, and none of them hangs", async () => {
  await using shelf = await openShelf({ "cd-1": 10, "cd-2": 10, "cd-3": 10 });
  const skus = ["cd-1", "cd-2", "cd-3"];
  const orders = Array.from({ length: 40 }, (_, index) => ({
    id: `o-${index}`,
    items: skus.toSorted(() => (index % 2) - 0.5).map((sku) => oneOf(sku)),
  }));
  await Promise.all(orders.map(({ id, items }) => shelf.do((tx) => reserveStock(tx, id, items))));
  for (const sku of skus) expect(await shelf.stock(sku)).toMatchObject({ onHand: 10, reserved: 10, available: 0 });
  const told = await shelf.told();
  expect(told.filter((message) => message.startsWith("stock.reserved"))).toHaveLength(10);
  expect(told.filter((message) => message.startsWith("stock.rejected"))).toHaveLength(30);
});

test("orders side by side in one transaction sell every piece once, and the shelves are shown as they are left", async () => {
  await using shelf = await openShelf({ "cd-1": 3, "cd-2": 10 });
  const orders = { "o-1": [oneOf("cd-1"), oneOf("cd-2")], "o-2": [oneOf("cd-2")], "o-3": [oneOf("cd-1", 2)] };
  const late = { "o-4": [oneOf("cd-1"), oneOf("cd-2")], "o-5": [oneOf("cd-2"), oneOf("cd-1")] };
  await shelf.do((tx) =>
    Promise.all(Object.entries({ ...orders, ...late }).map(([order, items]) => reserveStock(tx, order, items))),
  );
  expect(await shelf.stock("cd-1")).toMatchObject({ onHand: 3, reserved: 3 });
  expect(await shelf.stock("cd-2")).toMatchObject({ onHand: 10, reserved: 2 });
  const told = ["rejected o-4", "rejected o-5", "reserved o-1", "reserved o-2", "reserved o-3"];
  expect((await shelf.told()).toSorted()).toEqual(told.map((what) => `stock.${what}`));
  await shelf.do((tx) => Promise.all([shipStock(tx, "o-1"), releaseStock(tx, "o-2"), releaseStock(tx, "o-4")]));
  expect(await shelf.stock("cd-1")).toMatchObject({ onHand: 2, reserved: 2 });
  expect(await shelf.stock("cd-2")).toMatchObject({ onHand: 9, reserved: 0 });
});

test("batches of two processes whose orders cross over the same shelves take turns, and none fails", async () => {
  await using shelf = await openShelf({ "cd-1": 5, "cd-2": 5 });
  const other: Promise<unknown>[] = [];
  await shelf.do(async (tx) => {
    await reserveStock(tx, "o-1", [oneOf("cd-1")]);
    other.push(
      shelf.do(async (theirs) => {
        await reserveStock(theirs, "o-3", [oneOf("cd-2")]);
        await reserveStock(theirs, "o-4", [oneOf("cd-1")]);
      }),
    );
    await vi.waitUntil(shelf.isSomebodyWaiting, { timeout: 20_000 });
    await reserveStock(tx, "o-2", [oneOf("cd-2")]);
  });
  await Promise.all(other);
  for (const sku of ["cd-1", "cd-2"]) expect(await shelf.stock(sku)).toMatchObject({ reserved: 2 });
});

async function openShelf(counts: Readonly<Record<string, number>>) {
  const { database, ...opened } = await openTestDatabase(log, eventStore, outbox, own);
  type Work = Parameters<typeof database.transaction>[0];
  for (const [sku, onHand] of Object.entries(counts)) await database.transaction((tx) => countStock(tx, sku, onHand));
  return {
    ...opened,
    do: (work: Work) => database.transaction(work),
    stock: (sku: string) => findStock(database, sku),
    async isSomebodyWaiting() {
      const { rows } = await database.execute(
        sql`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return rows.length > 0;
    },
    async told() {
      const { rows } = await database.execute<{ told: string }>(
        sql`select type || ' ' || key as told from outbox order by position`,
      );
      return rows.map(({ told }) => told);
    },
  };
}
