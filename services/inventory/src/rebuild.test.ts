import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { migrations as eventStore } from "@throughline/event-store";
import { openTestDatabase } from "@throughline/local/testing";
import { migrations as log } from "@throughline/log";
import { migrations as outbox } from "@throughline/outbox";
import { expect, test } from "vitest";
import { countStock, releaseStock, reserveStock, shipStock } from "./use-cases.ts";

const own = { name: "inventory", folder: `${import.meta.dirname}/../migrations` };

test("the command rebuilds the stock as it was, of a SKU with a kept state, too", async () => {
  await using shelf = await openTestDatabase(log, eventStore, outbox, own);
  await shelf.database.transaction(async (tx) => {
    for (const sku of ["cd-1", "cd-2"]) await countStock(tx, sku, 100);
    for (let number = 0; number < 60; number += 1)
      await reserveStock(tx, `o-${number}`, [{ sku: "cd-1", quantity: 1 }]);
    await releaseStock(tx, "o-1");
    await shipStock(tx, "o-2");
  });
  const stock = async () => (await shelf.database.execute("select * from stock order by sku")).rows;
  const before = await stock();
  expect(before).toMatchObject([{ on_hand: "99", reserved: "58" }, { on_hand: "100" }]);
  await shelf.database.execute("update stock set reserved = 0 where sku = 'cd-1'");
  await shelf.database.execute("delete from stock where sku = 'cd-2'");

  expect(await rebuild(shelf.url)).toBe("stock: 1 rows removed, 2 added\n");
  expect(await stock()).toEqual(before);
});

async function rebuild(url: string): Promise<string> {
  const command = `${import.meta.dirname}/rebuild-views.ts`;
  const env = { PATH: process.env.PATH, DATABASE_URL: url };
  return (await promisify(execFile)(process.execPath, [command], { env })).stdout;
}
