import { cancelled, isExcused, lettersWhen, letterWhen, patience } from "@throughline/dead-letters/testing";
import { describe, expect, test, vi } from "vitest";
import { openShop } from "./letters-under-test.ts";

describe.skipIf(isExcused)("dead letters that operators give up", () => {
  test("are those that they saw, and not those that died since", async () => {
    await using shop = await openShop();
    await shop.publish(cancelled("o-1"));
    await letterWhen(shop.database, 1);
    const place = `/dead-letters/${await shop.kindOf(1)}`;
    const [, before = ""] = /\/discard">.*?name="before" value="([^"]+)"/s.exec(await shop.read(place)) ?? [];
    await shop.publish(cancelled("o-2"));
    await letterWhen(shop.database, 2);
    const given = await shop.act(`${place}/discard`, { reason: "a test", ...(before && { before }) });
    expect([given.status, given.headers.get("location")]).toEqual([303, place]);
    const states = [await letterWhen(shop.database, 1), await letterWhen(shop.database, 2)].map(({ state }) => state);
    expect(states).toEqual(["discarded", "open"]);
  });

  test("are never all at once, for which there is no form", async () => {
    await using shop = await openShop();
    await shop.publish(cancelled("o-1"));
    await letterWhen(shop.database, 1);
    expect((await shop.act("/dead-letters/all/discard", { reason: "a test" })).status).toBe(400);
    expect((await letterWhen(shop.database, 1)).state).toBe("open");
  });

  test("are given up also where another cannot be, and it is said how many were and how many were not", async () => {
    await using shop = await openShop();
    await shop.publish(cancelled("o-1"), cancelled("o-2"), cancelled("o-3"));
    await lettersWhen(shop.database, 3);
    await shop.database.execute("alter table dead_letters add constraint kept check (number <> 1 or state = 'open')");
    const told = await shop.act(`/dead-letters/${await shop.kindOf(1)}/discard`, { reason: "a test" });
    expect([told.status, await told.text()]).toEqual([
      500,
      expect.stringMatching(/2 letters were discarded.*1 letter was not.*diary-1<\/a>: .*kept/s),
    ]);
    for (const number of [2, 3]) expect((await letterWhen(shop.database, number)).state).toBe("discarded");
  });
});

test.skipIf(isExcused)("a replay that two operators stop names the first, and that is written down once", async () => {
  await using shop = await openShop();
  await shop.publish(...Array.from({ length: 10 }, (_, number) => cancelled(`o-${number}`)));
  await lettersWhen(shop.database, 10);
  shop.fault.message = undefined;
  await shop.act("/dead-letters/all/replay", { rate: "1" });
  await vi.waitUntil(() => shop.consumer.status().handled === 1, patience);
  await shop.act("/dead-letters/replays/1/stop", {}, { authorization: `Bearer ${await shop.tokenOf("bob")}` });
  await shop.act("/dead-letters/replays/1/stop", {});
  await shop.until("/dead-letters/replays/1", "Stopped");
  expect(await shop.read("/dead-letters/replays/1")).toMatch(/Stopped by bob: \d letters are left/);
  expect(shop.logged).toEqual([{ by: "bob", number: "1", choice: "all" }]);
});
