import { readFile } from "node:fs/promises";
import { testBrokers } from "@throughline/local/testing";
import { expect, test, vi } from "vitest";
import { audit, clean } from "./testing/audit.ts";
import { startFleet } from "./testing/fleet.ts";
import { get } from "./testing/http.ts";
import { countsOf, end, start, startFurther } from "./testing/processes.ts";
import type { ServiceProcess } from "./testing/service-process.ts";
import { orderOf, shopOf } from "./testing/shop.ts";

const patience = { timeout: 90_000, interval: 50 };

test.skipIf(!testBrokers.kafka)(
  "the drill of moving a subscription, setting by setting under load, loses nothing and has each effect once",
  async () => {
    const [both = "", one = "", ...more] = await readSettings();
    expect(more).toEqual([]);
    await using fleet = await startFleet({ isSupervised: false });
    const { billing } = fleet.services;
    const shop = shopOf(fleet);
    const sku = await shop.stocked(100_000);
    const placed: string[] = [];
    let isOpen = true;
    const shopper = async () => {
      while (isOpen) {
        const { orderId } = await shop.place(orderOf(sku));
        placed.push(orderId);
        await shop.ended(orderId);
      }
    };
    const shopping = Promise.all(Array.from({ length: 6 }, shopper));
    const thirtyMore = async () => {
      const soFar = placed.length;
      // An order that never ends is told at once.
      await Promise.race([shopping, vi.waitUntil(() => placed.length >= soFar + 30, patience)]);
    };

    await thirtyMore();
    expect(await roadsOf(billing)).toEqual(["sns-sqs"]);

    await using further = await startFurther(fleet, "billing", { count: 1, env: { CONSUME_FROM: both } });
    const [onBoth] = further.processes;
    if (onBoth === undefined) throw new Error("There is no further process");
    expect(await roadsOf(onBoth)).toEqual(both.split(","));
    await thirtyMore();
    await end(billing);
    const history = placed.length;
    // The history from Kafka, and then each message by both roads.
    await vi.waitUntil(async () => (await countsOf(onBoth)).duplicates >= history + 30, patience);

    await start(billing, { CONSUME_FROM: one });
    expect(await roadsOf(billing)).toEqual(one.split(","));
    await thirtyMore();
    await end(onBoth);
    await thirtyMore();
    isOpen = false;
    await shopping;

    expect(await audit(fleet, placed)).toEqual(clean);
    expect((await countsOf(billing)).handled).toBeGreaterThan(0);
  },
  300_000,
);

/** The values of CONSUME_FROM that the page goes through, in its order. */
async function readSettings(): Promise<string[]> {
  const page = await readFile(new URL("../../docs/drills/move-a-subscription.md", import.meta.url), "utf8");
  return [...page.matchAll(/^CONSUME_FROM=(.*)$/gm)].map(([, roads = ""]) => roads);
}

/** By which roads the service hears of orders. */
async function roadsOf({ url }: ServiceProcess): Promise<string[]> {
  const { consumers } = await get<{ consumers: { group: string; roads: { road: string }[] }[] }>(`${url}/status`);
  const events = consumers.find(({ group }) => group === "billing");
  return events?.roads.map(({ road }) => road) ?? [];
}
