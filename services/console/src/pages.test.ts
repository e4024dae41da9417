import { parseConfig } from "@throughline/service";
import type { Page } from "playwright-core";
import { expect, test, vi } from "vitest";
import { hasBrowser, visit } from "./browser-under-test.ts";
import { openDesks } from "./desks.ts";
import { outboxRoutes } from "./outbox-http.ts";
import { openShop } from "./shop-under-test.ts";
import { tryRoutes } from "./try-http.ts";

const config = parseConfig({ service: "console", port: 0, database: false }, { TRY_IT: "true" });
const desks = openDesks(config);
const log = { info: () => undefined };
const views = [{}, { colorScheme: "dark" }, { width: 390 }] as const;

test.runIf(hasBrowser)(
  "every page can be read by everyone: light, dark and narrow, with nothing from elsewhere",
  async () => {
    await using shop = await openShop({
      more: (watch) => [outboxRoutes(desks, watch), tryRoutes(config, watch, log)],
    });
    for (const path of ["/", "/orders/o-1", "/outbox", "/try"]) {
      for (const view of views) {
        await using visitor = await visit(shop.url + path, view);
        if (path === "/") await visitor.page.getByRole("link", { name: /^gone: / }).waitFor();
        expect({ path, ...view, faults: await visitor.faults() }).toEqual({ path, ...view, faults: [] });
      }
    }
  },
);

test.runIf(hasBrowser)("the way from the flow to an order needs no mouse", async () => {
  await using shop = await openShop();
  await using visitor = await visit(shop.url);
  const { page } = visitor;
  await page.getByRole("link", { name: "o-1" }).waitFor();
  for (let step = 0; step < 20 && (await focused(page)) !== "o-1"; step += 1) await page.keyboard.press("Tab");
  // It is still there when all has been drawn anew.
  const seen = await page.locator("#state").textContent();
  await vi.waitUntil(async () => (await page.locator("#state").textContent()) !== seen, { timeout: 10_000 });
  await page.keyboard.press("Enter");
  await page.waitForURL(`${shop.url}/orders/o-1`);
  expect(await page.getByRole("heading", { level: 1 }).textContent()).toContain("Order o-1");
});

test.runIf(hasBrowser)("a broker that is down is red in the picture, above which stands why", async () => {
  await using shop = await openShop({ kafkaFault: "connect ECONNREFUSED" });
  await using visitor = await visit(shop.url);
  const { page } = visitor;
  await page.getByRole("link", { name: "Kafka does not answer order: connect ECONNREFUSED" }).waitFor();
  const kafka = page.getByRole("link", { name: /^Kafka\s*down$/ });
  const colours = await Promise.all([styleOf(page, ".place.bad strong"), styleOf(page, ".road.bad", "stroke")]);
  expect([await kafka.count(), new Set(colours).size, colours[0]]).toEqual([1, 1, "rgb(179, 38, 30)"]);
  expect(await visitor.faults()).toEqual([]);
});

test.runIf(hasBrowser)("messages travel through the picture, but not for who wants nothing to move", async () => {
  await using shop = await openShop();
  for (const [reducedMotion, animation] of [
    [false, "travel"],
    [true, "none"],
  ] as const) {
    await using visitor = await visit(shop.url, { reducedMotion });
    await visitor.page.locator(".dots").first().waitFor({ state: "attached" });
    expect(await styleOf(visitor.page, ".dots", "animationName")).toBe(animation);
  }
});

function styleOf(page: Page, selector: string, what = "color"): Promise<unknown> {
  return page.evaluate(`getComputedStyle(document.querySelector("${selector}")).${what}`);
}

function focused(page: Page): Promise<unknown> {
  return page.evaluate("document.activeElement?.textContent");
}
