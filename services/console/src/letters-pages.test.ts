import { cancelled, isExcused, letterWhen } from "@throughline/dead-letters/testing";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { hasBrowser, visit } from "./browser-under-test.ts";
import { openShop } from "./letters-under-test.ts";

const canLook = hasBrowser && !isExcused;
const narrow = { colorScheme: "dark", width: 390 } as const;

test.runIf(canLook)(
  "every page of a thousand dead letters can be read by everyone, dark and narrow, signed in or not",
  async () => {
    await using shop = await openShop();
    await shop.publish(cancelled("o-1", 7));
    await letterWhen(shop.database, 1);
    await shop.act("/dead-letters/diary-1/replay", {});
    await shop.multiply(1_000);
    const kind = await shop.kindOf(1);
    const places = ["", `/${kind}`, "/diary-1", "/diary-1/edit", "/all/preview", "/replays/1"];
    for (const path of [...places.map((place) => `/dead-letters${place}`), "/sign-in"]) {
      await using visitor = await visit(shop.url + path, { ...narrow, token: shop.token });
      expect({ path, faults: await visitor.faults() }).toEqual({ path, faults: [] });
    }
    await using stranger = await visit(`${shop.url}/dead-letters/diary-1`);
    expect(await stranger.faults()).toEqual([]);
  },
);

test.runIf(canLook)(
  "from the link of the start to a letter that is corrected, there is no need of a mouse",
  async () => {
    await using shop = await openShop();
    await shop.publish(cancelled("o-1", 7));
    await letterWhen(shop.database, 1);
    shop.fault.message = undefined;
    await using visitor = await visit(`${shop.url}/sign-in?next=/dead-letters#${shop.token}`);
    const { page } = visitor;
    await page.getByText("ann, operator").waitFor();
    expect(page.url()).toBe(`${shop.url}/dead-letters`);

    await follow(page, "link", "diary-1");
    await follow(page, "link", "Edit");
    await reach(page, "textbox", "Data");
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.type('{"orderId": "o-1"}');
    await reach(page, "textbox", "Why, for the record");
    await page.keyboard.type("typo");
    await page.keyboard.press("Enter");
    await page.getByText("data.reason").first().waitFor();

    await reach(page, "textbox", "Data");
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.type('{"orderId": "o-1", "reason": "too late"}');
    await follow(page, "button", "Send it");
    await page.getByText("replaced by ann: typo").waitFor();
    expect(await visitor.faults()).toEqual([expect.stringContaining("400")]);
  },
);

test.runIf(canLook)("a replay of many shows how far it is, without being asked, and can be stopped", async () => {
  await using shop = await openShop();
  await shop.publish(...["o-1", "o-2", "o-3", "o-4", "o-5", "o-6"].map((id) => cancelled(id)));
  await letterWhen(shop.database, 6);
  await using visitor = await visit(`${shop.url}/dead-letters`, { token: shop.token });
  const { page } = visitor;
  await page.getByLabel("Per second").fill("1");
  await page.getByRole("button", { name: "Send 6 letters again" }).click();
  await page.getByText(/[2-5] of 6 letters/).waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("Stopped").waitFor();
  expect(await visitor.faults()).toEqual([]);
});

async function follow(page: Page, role: "link" | "button", name: string): Promise<void> {
  const from = page.url();
  await reach(page, role, name);
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.href !== from);
}

/** By the Tab key alone. */
async function reach(page: Page, role: "link" | "button" | "textbox", name: string): Promise<void> {
  const target = page.getByRole(role, { name, exact: true }).first();
  await target.waitFor();
  for (let step = 0; step < 40; step += 1) {
    if (await target.evaluate((element) => element === element.ownerDocument.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not lead to ${role} ${name}`);
}
