import { cancelled, isExcused, lettersWhen, letterWhen, openTables, patience } from "@throughline/dead-letters/testing";
import { connect, testBrokers } from "@throughline/local/testing";
import { parseConfig } from "@throughline/service";
import { describe, expect, test, vi } from "vitest";
import { type Desks, openDesks } from "./desks.ts";
import { openConsole, openShop } from "./letters-under-test.ts";

describe.skipIf(isExcused)("dead letters in the console", () => {
  test("where none waits, that is said", async () => {
    await using shop = await openShop();
    expect(await shop.read("/dead-letters")).toContain("No message waits for you.");
    expect(await shop.read("/dead-letters?all=1")).toContain("No message has ever failed here.");
    expect(await shop.read("/dead-letters?q=pizza")).toContain("Nothing that is kept has “pizza” in it.");
  });

  test("are found by their kind, and shown with the fault at its place and the way to the order's story", async () => {
    await using shop = await openShop();
    await shop.publish(cancelled("o-1", 7));
    await letterWhen(shop.database, 1);
    await shop.publish(cancelled("o-2", "<b>no</b>"));
    await letterWhen(shop.database, 2);
    const list = await shop.read("/dead-letters");
    expect(list).toContain("2 letters wait for you.");
    const kind = await shop.kindOf(1);
    expect(await shop.read("/dead-letters?q=ORDER.cancelled")).toContain(`/dead-letters/${kind}`);
    expect(await shop.read("/dead-letters?q=pizza")).not.toContain(kind);
    expect(await shop.read(`/dead-letters/${kind}`)).toMatch(/href="\/dead-letters\/diary-1">diary-1</);

    const letter = await shop.read("/dead-letters/diary-1");
    expect(letter).toContain('href="/orders/o-1"');
    expect(letter).toMatch(/<mark> +\^ .*string/);
    expect(letter).toMatch(/Sent again now: <strong class="bad">fails<\/strong>/);
    const other = await shop.read("/dead-letters/diary-2");
    expect(other).toContain("It keeps today's contract.");
    expect(other).not.toContain("<b>no</b>");
  });

  test("keep to themselves the passwords and secrets that are in them", async () => {
    await using shop = await openShop();
    shop.fault.message = "cannot reach amqp://user:hunter2@host";
    await shop.publish(cancelled("o-1", "see amqp://user:hunter2@host"));
    await letterWhen(shop.database, 1);
    await shop.database.execute(`update dead_letters set headers = '{"Authorization": "Bearer hunter2", "x": "seen"}'`);
    for (const path of ["", `/${await shop.kindOf(1)}`, "/diary-1"]) {
      const page = await shop.read(`/dead-letters${path}`);
      expect(page).toContain("amqp://user:[redacted]@host");
      expect(page).not.toContain("hunter2");
    }
    expect(await shop.read("/dead-letters/diary-1")).toMatch(/Authorization&#34;: &#34;\[redacted\].*seen/s);
    // A page that shows no password cannot send one either.
    expect((await shop.get("/dead-letters/diary-1/edit")).status).toBe(409);
    const data = JSON.stringify({ orderId: "o-1", reason: "see amqp://user:hunter2@host" });
    const refused = await shop.act("/dead-letters/diary-1/edit", { data, reason: "typo" });
    expect([refused.status, await refused.text()]).toEqual([400, expect.not.stringContaining("hunter2")]);
  });

  test("are sent again by an operator, whose name is kept, while everybody can see how far it is", async () => {
    await using shop = await openShop();
    await shop.publish(cancelled("o-1"));
    await letterWhen(shop.database, 1);
    shop.fault.message = undefined;
    const begun = await shop.act("/dead-letters/diary-1/replay", { reason: "mended" });
    expect([begun.status, begun.headers.get("location")]).toEqual([303, "/dead-letters/replays/1"]);
    await shop.until("/dead-letters/replays/1", "Done.");
    expect(await shop.read("/dead-letters/replays/1")).toMatch(/1 of 1 letter\. Done\..*1 sent again/s);
    await vi.waitUntil(() => shop.consumer.status().handled === 1, patience);
    expect(await shop.read("/dead-letters/diary-1")).toMatch(/<strong>replayed<\/strong>.*replayed by ann: mended/s);
  });

  test("are sent again one by one, also when nobody looks, until that is stopped between two", async () => {
    await using shop = await openShop();
    await shop.publish(...Array.from({ length: 30 }, (_, number) => cancelled(`o-${number}`)));
    await lettersWhen(shop.database, 30);
    shop.fault.message = undefined;
    expect(await shop.read("/dead-letters/all/preview")).toContain("<strong>30 will run</strong>");
    await shop.act("/dead-letters/all/replay", { rate: "1" });
    await vi.waitUntil(() => shop.consumer.status().handled === 1, patience);
    expect(await shop.read("/dead-letters")).toContain("ann sends all again");
    await shop.act("/dead-letters/replays/1/stop", {});
    await shop.until("/dead-letters/replays/1", "Stopped");
    expect(await shop.read("/dead-letters/replays/1")).toMatch(/Stopped by ann: \d+ letters are left/);
    expect(await shop.read("/dead-letters")).toMatch(/\d+ letters wait for you/);
    await shop.act("/dead-letters/all/replay", { rate: "1000" });
    await vi.waitUntil(() => shop.consumer.status().handled === 30, patience);
  });

  test("that died after a person looked are not sent with those that they saw", async () => {
    await using shop = await openShop();
    await shop.publish(cancelled("o-1"));
    await letterWhen(shop.database, 1);
    const before = new Date(Date.now() - 60_000).toISOString();
    await shop.act("/dead-letters/all/replay", { before });
    await shop.until("/dead-letters/replays/1", "Done.");
    expect(await shop.read("/dead-letters/replays/1")).toContain("0 of 0 letters");
  });

  test("go out corrected, and what breaks the contract stays in the form with its faults beside it", async () => {
    await using shop = await openShop();
    await shop.publish(cancelled("o-1", 7));
    await letterWhen(shop.database, 1);
    shop.fault.message = undefined;
    expect(await shop.read("/dead-letters/diary-1/edit")).toContain("&#34;reason&#34;: 7");
    const wrong = await shop.act("/dead-letters/diary-1/edit", { data: '{"orderId":"o-1"}', reason: "typo" });
    expect([wrong.status, await wrong.text()]).toEqual([
      400,
      expect.stringMatching(/Nothing was sent\..*<code>data\.reason<\/code>.*aria-describedby="faults"/s),
    ]);
    const broken = await shop.act("/dead-letters/diary-1/edit", { data: "{", reason: "typo" });
    expect([broken.status, await broken.text()]).toEqual([400, expect.stringContaining("The data is not JSON")]);

    const data = JSON.stringify({ orderId: "o-1", reason: "too late" });
    expect((await shop.act("/dead-letters/diary-1/edit", { data, reason: "typo" })).status).toBe(303);
    await vi.waitUntil(async () => (await shop.notes()).includes("too late"), patience);
    expect(await shop.read("/dead-letters/diary-1")).toMatch(/<strong>replaced<\/strong>.*replaced by ann: typo/s);
  });

  test("are discarded for a reason, and not without", async () => {
    await using shop = await openShop();
    await shop.publish(cancelled("o-1"), cancelled("o-2"));
    await lettersWhen(shop.database, 2);
    const kind = await shop.kindOf(1);
    const without = await shop.act(`/dead-letters/${kind}/discard`, { reason: " " });
    expect([without.status, await without.text()]).toEqual([400, expect.stringContaining("reason:")]);
    expect((await shop.act(`/dead-letters/${kind}/discard`, { reason: "a test" })).status).toBe(303);
    expect(await shop.read(`/dead-letters/${kind}`)).toContain("None of them waits for you.");
    expect(await shop.read("/dead-letters/diary-2")).toMatch(/discarded by ann: a test/);
    expect(await shop.read("/dead-letters")).toContain("No message waits for you.");
  });

  test("are tried out, and nothing of it stays", async () => {
    await using shop = await openShop();
    await shop.publish(cancelled("o-1"));
    await letterWhen(shop.database, 1);
    shop.fault.message = undefined;
    const run = await (await shop.act("/dead-letters/diary-1/dry-run", {})).text();
    expect(run).toMatch(/notes: 1 inserted.*changed my mind.*Would be published.*note\.written/s);
    expect(await shop.notes()).toEqual([]);
  });

  test("are looked at by everybody, and acted on by operators only", async () => {
    await using shop = await openShop();
    await shop.publish(cancelled("o-1"));
    await letterWhen(shop.database, 1);
    for (const path of ["/dead-letters", "/dead-letters/diary-1", `/dead-letters/${await shop.kindOf(1)}`]) {
      const page = await shop.read(path, {});
      expect(page).toContain("sign in as an operator");
      expect(page).not.toContain('action="/dead-letters/');
    }
    for (const act of ["replay", "discard", "dry-run", "edit"]) {
      const answer = await shop.act(`/dead-letters/diary-1/${act}`, { reason: "mine", data: "{}" }, {});
      expect([act, answer.status]).toEqual([act, 403]);
    }
    expect((await letterWhen(shop.database, 1)).state).toBe("open");
  });

  test("are a thousand, and each page shows no more than a person can read", async () => {
    await using shop = await openShop();
    await shop.publish(cancelled("o-1"));
    await letterWhen(shop.database, 1);
    await shop.multiply(1_000);
    expect(await shop.read("/dead-letters")).toContain("1,000 letters wait for you.");
    const kind = await shop.read(`/dead-letters/${await shop.kindOf(1)}`);
    expect(kind.match(/href="\/dead-letters\/diary-/g)).toHaveLength(100);
    const [, next = ""] = /href="([^"]+)">Earlier ones/.exec(kind) ?? [];
    expect(await shop.read(next)).not.toContain(">diary-1000<");
    expect(await shop.read("/dead-letters/all/preview")).toMatch(/Of 1,000 letters these are the 100 that died first/);
    await shop.database.execute("update dead_letters set fingerprint = lpad(number::text, 8, '0')");
    const list = await shop.read("/dead-letters");
    expect(list.match(/<code>0000\d{4}<\/code>/g)).toHaveLength(100);
    expect(list).toContain("And 900 kinds more");
  });

  test("that are not there are said to be, and so is a service that does not answer", async () => {
    await using shop = await openShop();
    for (const path of ["/diary-9", "/pizza-1", "/3fa94b1c", "/nonsense", "/replays/7", "/diary-9/preview"]) {
      expect([path, (await shop.get(`/dead-letters${path}`)).status]).toEqual([path, 404]);
    }
    await using away = await openConsole(await desksAt("billing=postgres://a:secret@127.0.0.1:1/billing"));
    const list = await away.read("/dead-letters");
    expect(list).toContain("Of billing nothing is known now: The database at 127.0.0.1:1/billing does not answer");
    expect(list).toContain("Of the services that answer, no message waits for you.");
    expect(list).not.toContain("secret");
    expect((await away.get("/dead-letters/billing-1")).status).toBe(503);
    await using unknown = await openConsole(await desksAt(""));
    expect(await unknown.read("/dead-letters")).toContain("SERVICE_DATABASES=order=postgres://");
  });
});

test("the desk of a service is opened when somebody first looks, and anew where that failed", async () => {
  await using tables = await openTables();
  await using server = connect(testBrokers.postgres, 1);
  const allow = (allowed: boolean) =>
    server.pool.query(`alter database ${new URL(tables.url).pathname.slice(1)} allow_connections ${allowed}`);
  await using desks = await desksAt(`diary=${tables.url}`);
  await allow(false);
  expect(await desks.open()).toMatchObject({ desks: [], silent: [{ service: "diary" }] });
  await allow(true);
  expect(await desks.open()).toMatchObject({ desks: [{ service: "diary" }], silent: [] });
});

async function desksAt(databases: string): Promise<Desks> {
  const env = { SERVICE_DATABASES: databases, LOG_LEVEL: "silent" };
  return openDesks(parseConfig({ service: "console", port: 0, database: false }, env));
}
