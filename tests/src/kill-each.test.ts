import { afterAll, beforeAll, expect, test } from "vitest";
import { audit, clean } from "./testing/audit.ts";
import { type Fleet, serviceNames, startFleet } from "./testing/fleet.ts";
import { orderOf, shopOf } from "./testing/shop.ts";

let fleet: Fleet;
beforeAll(async () => {
  fleet = await startFleet();
}, 120_000);
afterAll(() => fleet[Symbol.asyncDispose](), 60_000);

test("placing 200 orders while each service in turn is killed and comes back loses nothing and charges nobody twice", async () => {
  const shop = shopOf(fleet);
  const [plenty, scarce] = [await shop.stocked(1_000), await shop.stocked(15)];
  const placed: string[] = [];
  const shopper = async (orders: number) => {
    for (let nth = 1; nth <= orders; nth += 1) {
      const sku = nth % 10 === 0 ? scarce : plenty;
      const { orderId } = await shop.placePersistently(orderOf(sku, nth % 7 === 0 ? 913 : 100 * nth));
      placed.push(orderId);
    }
  };
  const shopping = Promise.all([shopper(50), shopper(50), shopper(50), shopper(50)]);
  for (const name of serviceNames) {
    const { exits, ready, kill, pid } = fleet.services[name];
    const soFar = placed.length;
    kill("SIGKILL");
    await expect.poll(() => exits).toContainEqual({ pid, code: null, signal: "SIGKILL" });
    await ready();
    // The next one dies when this one has done some work again.
    await expect.poll(() => placed.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(Math.min(200, soFar + 20));
  }
  await shopping;

  expect(placed).toHaveLength(200);
  expect(await audit(fleet, placed, 90_000)).toEqual(clean);
  const restarts = serviceNames.map((name) => fleet.services[name].exits.length);
  expect(restarts).toEqual([1, 1, 1, 1, 1]);
}, 240_000);
