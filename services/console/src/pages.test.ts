import { parseConfig } from "@throughline/service";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
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
  await page.keyboard.press("Enter");
  await page.waitForURL(`${shop.url}/orders/o-1`);
  expect(await page.getByRole("heading", { level: 1 }).textContent()).toContain("Order o-1");
});

function focused(page: Page): Promise<unknown> {
  return page.evaluate("document.activeElement?.textContent");
}
