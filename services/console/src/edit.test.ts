import { cancelled, isExcused, letterWhen, patience } from "@throughline/dead-letters/testing";
import { AwayError } from "@throughline/transport";
import { describe, expect, test, vi } from "vitest";
import { openConsole, openShop } from "./letters-under-test.ts";

const place = "/dead-letters/diary-1";
const data = JSON.stringify({ orderId: "o-1", reason: "too late" });

describe.skipIf(isExcused)("a correction", () => {
  test("is not offered for work, and it is said why", async () => {
    await using shop = await openShopWithLetter();
    expect(await shop.read(place)).toContain(`href="${place}/edit"`);
    await shop.database.execute("update dead_letters set type = 'payment.requested'");
    const page = await shop.read(place);
    expect(page).toContain("Work cannot be corrected");
    expect(page).not.toContain(`href="${place}/edit"`);
    expect((await shop.get(`${place}/edit`)).headers.get("location")).toBe(place);
  });

  test("that is refused stays in the form with the reason beside it", async () => {
    await using shop = await openShopWithLetter();
    await shop.database.execute("update dead_letters set road = 'inbox'");
    const refused = await shop.act(`${place}/edit`, { data, reason: "typo" });
    expect([refused.status, await refused.text()]).toEqual([
      400,
      expect.stringMatching(/waits nowhere any more.*too late.*value="typo"/s),
    ]);
    expect((await letterWhen(shop.database, 1)).state).toBe("open");
  });

  test("whose broker is away stays in the form, to be sent again", async () => {
    await using shop = await openShopWithLetter();
    const road = () => Promise.reject(new AwayError("RabbitMQ cannot be reached"));
    const desks = { services: ["diary"], open: async () => ({ desks: [{ ...shop.desk, road }], silent: [] }) };
    await using away = await openConsole({ ...desks, [Symbol.asyncDispose]: async () => undefined });
    const refused = await away.act(`${place}/edit`, { data, reason: "typo" });
    expect([refused.status, await refused.text()]).toEqual([
      503,
      expect.stringMatching(/RabbitMQ cannot be reached.*too late.*value="typo"/s),
    ]);
  });

  test("of a letter that somebody else settles meanwhile leads to the letter, which says what became of it", async () => {
    await using shop = await openShopWithLetter();
    const edited = await shop.database.transaction(async (tx) => {
      await tx.execute("update dead_letters set state = 'discarded'");
      const answer = shop.act(`${place}/edit`, { data, reason: "typo" });
      const waiting = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
      await vi.waitUntil(async () => (await shop.database.execute(waiting)).rowCount === 1, patience);
      return { answer };
    });
    const { status, headers } = await edited.answer;
    expect([status, headers.get("location")]).toEqual([303, place]);
  });
});

/** The one letter keeps its contract, and could be corrected. */
async function openShopWithLetter() {
  const shop = await openShop();
  await shop.publish(cancelled("o-1"));
  await letterWhen(shop.database, 1);
  return shop;
}
