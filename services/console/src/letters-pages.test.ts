import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { cancelled, isExcused, lettersWhen, letterWhen } from "@throughline/dead-letters/testing";
import { expect, test } from "vitest";
import { follow, hasBrowser, reach, visit } from "./browser-under-test.ts";
import { openShop } from "./letters-under-test.ts";

const canLook = hasBrowser && !isExcused;

test.runIf(canLook)(
  "every page of dead letters can be read by everyone, whether there are none or a thousand",
  { timeout: 120_000 },
  async () => {
    await using shop = await openShop();
    const look = async (name: string, path: string, token: string | undefined = shop.token) => {
      await using visitor = await visit(shop.url + path, token === "" ? {} : { token });
      return { name, faults: await visitor.faultsInEveryView(name) };
    };
    const found = [await look("letters-none", "/dead-letters")];
    await shop.publish(cancelled("o-1", 7));
    await letterWhen(shop.database, 1);
    await shop.act("/dead-letters/diary-1/replay", {});
    await shop.multiply(1_000);
    const kind = await shop.kindOf(1);
    found.push(
      ...(await Promise.all([
        look("letters", "/dead-letters"),
        look("kind", `/dead-letters/${kind}`),
        look("letter", "/dead-letters/diary-1"),
        look("letter-of-a-stranger", "/dead-letters/diary-1", ""),
        look("edit", "/dead-letters/diary-1/edit"),
        look("preview", "/dead-letters/all/preview"),
        look("letters-replay", "/dead-letters/replays/1"),
      ])),
    );
    expect(found.filter(({ faults }) => faults.length > 0)).toEqual([]);
  },
);

test.runIf(canLook)("an operator searches, previews, tries, sends again, gives up and signs out by click", async () => {
  await using shop = await openShop();
  await shop.publish(cancelled("o-1"), cancelled("o-2"));
  await lettersWhen(shop.database, 2);
  shop.fault.message = undefined;
  await using visitor = await visit(`${shop.url}/dead-letters`, { token: shop.token });
  const { page } = visitor;
  const press = (name: string) => page.getByRole("button", { name, exact: true }).click();
  const go = (name: string) => page.getByRole("link", { name, exact: true }).first().click();
  const read = (text: string | RegExp) => page.getByText(text).first().waitFor();
  const search = async (text: string) => {
    await page.getByLabel("Service, group, type or error").fill(text);
    await page.getByRole("search").getByRole("button").click();
  };
  await search("pizza");
  await read("Nothing that is kept has “pizza” in it.");
  await search("order.cancelled");
  await go(await shop.kindOf(1));
  await go("Preview");
  await read("2 will run");
  await go("diary-1");
  await press("Dry run");
  await read("Would be published");
  expect(await visitor.faultsInEveryView("dry-run")).toEqual([]);
  await go("Back to diary-1");
  await page.locator("form[action$=replay]").getByLabel("Why").fill("mended");
  await press("Send it again");
  await read("1 of 1 letter. Done.");
  await go("Back");
  await read("replayed by ann: mended");
  await page.goto(`${shop.url}/dead-letters/diary-2`);
  await page.locator("form[action$=discard]").getByLabel("Why").fill("a test");
  await press("Discard it");
  await read("discarded by ann: a test");
  const other = await page.context().newPage();
  await other.goto(shop.url);
  await other.getByText("ann, operator").waitFor();
  await press("Sign out");
  // Where everybody may look, the other window goes on, and says that it is nobody who looks.
  for (const window of [page, other]) await window.getByRole("link", { name: "Sign in" }).waitFor();
  expect(page.url()).toBe(`${shop.url}/`);
  expect(await visitor.faults()).toEqual([]);
});

test.runIf(canLook)("letters come by themselves, and leave alone what an operator is writing", async () => {
  await using shop = await openShop();
  await using visitor = await visit(`${shop.url}/dead-letters`, { token: shop.token });
  const { page } = visitor;
  await page.getByText("No message waits for you.").waitFor();
  await shop.publish(cancelled("o-1"));
  const why = page.getByLabel("Why, for the record");
  await why.fill("mended");
  await page.getByText("To the content").focus();
  await shop.publish(cancelled("o-2"));
  await letterWhen(shop.database, 2);
  // Whoever watches is told each second: three times to another is once at least to this page.
  const told = await fetch(`${shop.url}/events`, { headers: { authorization: `Bearer ${shop.token}` } });
  for await (const _ of Readable.fromWeb(told.body as ReadableStream).take(3));
  expect([await why.inputValue(), await page.getByText("1 letter waits for you.").count()]).toEqual(["mended", 1]);
  await why.fill("");
  await why.blur();
  await page.getByText("2 letters wait for you.").waitFor();
});

test.runIf(canLook)(
  "from the link of the start to letters that are corrected, sent again and given up, there is no need of a mouse",
  async () => {
    await using shop = await openShop();
    await shop.publish(cancelled("o-1", 7));
    await letterWhen(shop.database, 1);
    await shop.publish(cancelled("o-2"), cancelled("o-3"));
    await lettersWhen(shop.database, 3);
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

    await follow(page, "link", "Dead letters");
    await follow(page, "link", "diary-2");
    await reach(page, "textbox", "Why, for the record");
    await page.keyboard.type("mended");
    await follow(page, "button", "Send it again");
    await page.getByText("1 of 1 letter. Done.").waitFor();
    await follow(page, "link", "Dead letters");
    await follow(page, "link", "diary-3");
    await reach(page, "button", "Discard it");
    await page.keyboard.press("Enter");
    // The browser leads to the field that has to be filled.
    await page.keyboard.type("a test");
    await page.keyboard.press("Enter");
    await page.getByText("discarded by ann: a test").waitFor();
    expect(await visitor.faults()).toEqual([expect.stringContaining("400")]);
  },
);

test.runIf(canLook)("a replay of many shows how far it is, without being asked, and can be stopped", async () => {
  await using shop = await openShop();
  await shop.publish(...["o-1", "o-2", "o-3", "o-4", "o-5", "o-6"].map((id) => cancelled(id)));
  await lettersWhen(shop.database, 6);
  await using visitor = await visit(`${shop.url}/dead-letters`, { token: shop.token });
  const { page } = visitor;
  await page.getByLabel("Per second").fill("1");
  await page.getByRole("button", { name: "Send 6 letters again" }).click();
  await page.getByText(/[2-5] of 6 letters/).waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("Stopped").waitFor();
  expect(await visitor.faults()).toEqual([]);
});
