import { openAccess, parseConfig } from "@throughline/service";
import { openIssuer } from "@throughline/service/testing";
import { Router } from "express";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { hasBrowser, visit } from "./browser-under-test.ts";
import { openDesks } from "./desks.ts";
import { html } from "./html.ts";
import { createLetterReplays } from "./letter-replays.ts";
import { lettersRoutes } from "./letters-http.ts";
import { outboxRoutes } from "./outbox-http.ts";
import { sendLive } from "./page.ts";
import { openShop, records, type ShopOptions } from "./shop-under-test.ts";
import { tryRoutes } from "./try-http.ts";
import type { Watch } from "./watch.ts";

const [log, acts] = [{ warn: () => undefined }, { info: () => undefined }];

test.runIf(hasBrowser).each<{ what: string; shop: ShopOptions; env: Record<string, string>; paths: Looks }>([
  {
    what: "something of everything",
    shop: { recordsAbout: async () => records },
    env: { TRY_IT: "true" },
    paths: { flow: "/", order: "/orders/o-1", try: "/try", "sign-in": "/sign-in" },
  },
  {
    what: "nothing to show",
    shop: { hasOrders: false },
    env: {},
    paths: {
      "flow-empty": "/",
      "letters-unknown": "/dead-letters",
      "outbox-unknown": "/outbox",
      "try-not-here": "/try",
    },
  },
  {
    what: "all of it down",
    shop: { isReady: false, kafkaFault: "connect ECONNREFUSED" },
    env: { SERVICE_DATABASES: "order=postgres://127.0.0.1:1/none", LOG_LEVEL: "silent", TRY_IT: "true" },
    paths: { "flow-down": "/", "letters-down": "/dead-letters", "outbox-down": "/outbox", "try-down": "/try" },
  },
])("every page can be read by everyone, light and dark, wide and narrow, with $what", async ({ shop, env, paths }) => {
  await using opened = await openShop({ ...shop, more: pagesWith(env) });
  if (shop.recordsAbout) await opened.traceOrder();
  const found = Object.entries(paths).map(async ([name, path]) => {
    await using visitor = await visit(opened.url + path);
    return [name, await visitor.faultsInEveryView(name)];
  });
  expect(await Promise.all(found)).toEqual(Object.keys(paths).map((name) => [name, []]));
});

test.runIf(hasBrowser)("the pages that say what is not there, or cannot be, can be read by everyone", async () => {
  await using opened = await openShop({ more: pagesWith({}) });
  for (const [name, path] of [
    ["order-unknown", "/orders/o-2"],
    ["problem", "/dead-letters/nonsense"],
  ] as const) {
    await using visitor = await visit(opened.url + path);
    expect([name, await visitor.faultsInEveryView(name)]).toEqual([name, [expect.stringContaining("404")]]);
  }
});

test.runIf(hasBrowser)("the way from the flow to an order needs no mouse", async () => {
  await using shop = await openShop();
  await using visitor = await visit(shop.url);
  const { page } = visitor;
  await page.getByRole("link", { name: "o-1" }).waitFor();
  for (let step = 0; step < 20 && (await focused(page)) !== "o-1"; step += 1) await page.keyboard.press("Tab");
  // It is still there when all has been drawn anew.
  await page.evaluate("new Promise((shown) => document.addEventListener('shown', shown, { once: true }))");
  await page.keyboard.press("Enter");
  await page.waitForURL(`${shop.url}/orders/o-1`);
  expect(await page.getByRole("heading", { level: 1 }).textContent()).toContain("Order o-1");
});

test.runIf(hasBrowser)(
  "an order is found by its id, and its page goes on by itself while it is on its way",
  async () => {
    await using shop = await openShop();
    await using visitor = await visit(shop.url);
    const { page } = visitor;
    await page.getByLabel("Where is order").fill("o-1");
    await page.getByRole("button", { name: "Show" }).click();
    await page.getByText("No trace of it is here").waitFor();
    await shop.traceOrder();
    await page.getByText("process dev-billing").first().waitFor();
    expect(await visitor.faults()).toEqual([]);
  },
);

test.runIf(hasBrowser)("a page whose console has gone says so", async () => {
  await using visitor = await (async () => {
    await using shop = await openShop();
    const opened = await visit(shop.url);
    await opened.page.getByText("live", { exact: true }).waitFor();
    return opened;
  })();
  await visitor.page.getByText("the console does not answer; trying again").waitFor();
  expect(await visitor.page.locator("#live").getAttribute("aria-busy")).toBe("true");
  expect(await visitor.obstacles()).toEqual([]);
});

test.runIf(hasBrowser)("who signs out in one window is asked to sign in by another that shows something", async () => {
  await using issuer = await openIssuer();
  await using shop = await openShop({ access: openAccess(issuer) });
  await using visitor = await visit(shop.url, { token: await issuer.sign({ roles: ["viewer"] }) });
  const other = await visitor.page.context().newPage();
  await other.goto(shop.url);
  await other.getByText("live", { exact: true }).waitFor();
  await visitor.page.getByRole("button", { name: "Sign out" }).click();
  await other.waitForURL(`${shop.url}/sign-in?next=%2F`);
});

test.runIf(hasBrowser)(
  "what somebody has written is still there when they have signed out in another window",
  async () => {
    await using issuer = await openIssuer();
    const page = { title: "Form", body: html`<label>Why <input></label>`, isLive: true };
    const form = Router().get("/form", (_request, response) => sendLive(response, async () => page));
    await using shop = await openShop({ access: openAccess(issuer), more: () => [form] });
    await using visitor = await visit(shop.url, { token: await issuer.sign({ roles: ["viewer"] }) });
    const other = await visitor.page.context().newPage();
    await other.goto(`${shop.url}/form`);
    await other.getByText("live", { exact: true }).waitFor();
    await other.getByLabel("Why").fill("the stock was wrong");
    await visitor.page.getByRole("button", { name: "Sign out" }).click();
    await other.getByText("you have to sign in again").waitFor();
    expect(await other.getByLabel("Why").inputValue()).toBe("the stock was wrong");
  },
);

test.runIf(hasBrowser)("a broker that is down is red in the picture, above which stands why", async () => {
  await using shop = await openShop({ kafkaFault: "connect ECONNREFUSED" });
  await using visitor = await visit(shop.url);
  const { page } = visitor;
  await page.getByRole("link", { name: "Kafka does not answer order: connect ECONNREFUSED" }).waitFor();
  await page.locator(".road.bad").first().waitFor({ state: "attached" });
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

/** All pages beside the flow and the orders, of a console with these settings. */
function pagesWith(env: Readonly<Record<string, string>>) {
  const config = parseConfig({ service: "console", port: 0, database: false }, env);
  const desks = openDesks(config);
  return (watch: Watch) => [
    lettersRoutes({ desks, replays: createLetterReplays(), log, acts }),
    outboxRoutes(desks, watch),
    tryRoutes(config, watch, acts),
  ];
}

/** Paths by the name that the picture of each gets. */
type Looks = Readonly<Record<string, string>>;

function styleOf(page: Page, selector: string, what = "color"): Promise<unknown> {
  return page.evaluate(`getComputedStyle(document.querySelector("${selector}")).${what}`);
}

function focused(page: Page): Promise<unknown> {
  return page.evaluate("document.activeElement?.textContent");
}
