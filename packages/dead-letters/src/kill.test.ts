import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, test, vi } from "vitest";
import { startDeadLetters } from "./index.ts";
import { findLetters, findNumbers } from "./letter.ts";
import { cancelled, isExcused, letterWhen, openLetters, patience } from "./testing/letters.ts";

const orders = ["o-1", "o-2", "o-3", "o-4", "o-5"];

describe.skipIf(isExcused)("killed at any point", () => {
  test.each([
    ["dead_letters.before_bury", 1],
    ["dead_letters.before_bury", 4],
    ["dead_letters.after_bury", 1],
    ["dead_letters.after_bury", 3],
  ])("a drain that is killed at %s, pass %i, loses and doubles nothing", async (point, pass) => {
    await using shop = await openLetters({ isDraining: false });
    shop.fault.message = "no";
    await shop.publish(...orders.map((orderId) => cancelled(orderId)));
    await vi.waitUntil(() => shop.consumer.status().deadLettered === orders.length, patience);
    expect(await runUntilKilled("drain", point, pass, shop)).toBe("SIGKILL");

    await using _ = await startDeadLetters(shop.database, { groups: shop.groups });
    const numbers = () => findNumbers(shop.database, { states: ["open"] });
    await vi.waitUntil(async () => (await numbers()).length === orders.length, patience);
    await vi.waitUntil(async () => (await shop.road.backlog("diary", [])).deadLetters === 0, patience);
    const letters = await findLetters(shop.database, await numbers());
    expect(letters.map(({ key }) => key).sort()).toEqual(orders);
    expect(letters.map(({ deaths }) => deaths)).toEqual(orders.map(() => 1));
  });

  test("a replay that is killed between broker and note is made again, and has one effect", async () => {
    await using shop = await openLetters();
    shop.fault.message = "no";
    await shop.publish(cancelled("o-1"));
    await letterWhen(shop.database, 1);
    shop.fault.message = undefined;
    expect(await runUntilKilled("replay", "dead_letters.after_send", 1, shop)).toBe("SIGKILL");
    await letterWhen(shop.database, 1, ({ state }) => state === "open");
    await vi.waitUntil(() => shop.consumer.status().handled === 1, patience);
    expect(await runUntilKilled("replay", "never", 1, shop)).toBeNull();
    await letterWhen(shop.database, 1, ({ state, replays }) => state === "replayed" && replays === 1);
    await vi.waitUntil(() => shop.consumer.status().duplicates === 1, patience);
    expect(await shop.notes()).toEqual(["changed my mind"]);
  });
});

async function runUntilKilled(
  work: string,
  point: string,
  pass: number,
  { url, namespace }: { readonly url: string; readonly namespace: string },
): Promise<string | null> {
  const program = fileURLToPath(new URL("testing/killed.ts", import.meta.url));
  const child = spawn(process.execPath, [program, work, point, `${pass}`, url, namespace], {
    stdio: "inherit",
    timeout: 30_000,
  });
  const [, signal] = (await once(child, "close")) as [number | null, string | null];
  return signal;
}
