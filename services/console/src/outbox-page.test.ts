import { openTables } from "@throughline/dead-letters/testing";
import type { Envelope } from "@throughline/envelope";
import type { Database } from "@throughline/log";
import { enqueue, startRelay } from "@throughline/outbox";
import { readActions, readStates } from "@throughline/outbox/operation";
import { openAccess, parseConfig } from "@throughline/service";
import { openIssuer } from "@throughline/service/testing";
import { PublishError } from "@throughline/transport";
import { memoryTransport } from "@throughline/transport/memory";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { follow, hasBrowser, reach, visit } from "./browser-under-test.ts";
import { openDesks } from "./desks.ts";
import { outboxRoutes } from "./outbox-http.ts";
import { findRecordsAbout } from "./records-about.ts";
import { openShop } from "./shop-under-test.ts";

const soon = { timeout: 25_000, interval: 20 };
let orders: Awaited<ReturnType<typeof openOrders>>;
beforeAll(async () => {
  orders = await openOrders();
});
afterAll(() => orders[Symbol.asyncDispose]());

test("the page shows every lane with its holder, what is parked and why, and what holds messages back", async () => {
  const held = Promise.withResolvers<void>();
  const open = orders.database.transaction(async (tx) => {
    const slow = { type: "order.created", version: "1", key: "o-slow", data: {} };
    // At the end of a savepoint, and so before that of the transaction.
    await tx.transaction((inner) => enqueue(inner, "order-service", [slow]));
    await orders.write("o-3", "refused");
    await held.promise;
  });
  const page = async () => (await orders.get("/outbox")).text();
  await vi.waitUntil(async () => (await page()).includes("a transaction open for"), soon);
  expect(await page()).toMatch(/pid \d+/);
  held.resolve();
  await open;
  await vi.waitUntil(async () => (await page()).includes("the broker says no to refused"), soon);
  const shown = await page();
  expect(shown).toMatch(/<code>[^<]+:\d+:[0-9a-f]{8}<\/code>/);
  expect(shown).toMatch(/in \d+\.\d s/);
  expect(shown).toContain("1 of 1");
  expect(shown).toContain("Outbox of billing");
  expect(shown).toContain("It does not answer: The database at 127.0.0.1:1/none does not answer");
});

test("a replay says first what it would send, and nobody but an operator may begin it", async () => {
  await orders.tell("o-1", "o-2");
  const path = "/outbox/order/memory/replay";
  const { id } = orders.received.at(-1) ?? {};
  const preview = await (await orders.get(`${path}?from=${id}`)).text();
  expect(preview).toMatch(/1 message, written from .*Z to .*Z,\s+has gone to memory/);
  for (const [from, fault] of [
    ["yesterday", "Expected a time such as"],
    ["0197a000-0000-7000-8000-000000000000", "No such message is kept"],
  ]) {
    const refused = await orders.get(`${path}?from=${from}`);
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining(fault ?? "")]);
  }
  expect((await orders.get("/outbox/order/pigeon/replay")).status).toBe(404);
  expect((await orders.post(path, { from: "1" }, "viewer")).status).toBe(403);
  expect(await readActions(orders.database)).toEqual([]);
});

test("what was told about an order is known from the databases, and which of them does not answer", async () => {
  await orders.tell("o-9");
  expect(await findRecordsAbout(orders.desks, "o-9")).toMatchObject({
    messages: [{ service: "order", type: "order.created", roads: [{ destination: "memory", state: "left" }] }],
    ...{ others: 0, letters: [], silent: [{ service: "billing" }] },
  });
});

test.runIf(hasBrowser)("a click on who tells leads to what waits there", async () => {
  await using visitor = await visit(orders.url, { token: await orders.token("viewer") });
  const { page } = visitor;
  await page.locator('[data-place="tells order"]').click();
  await page.waitForURL(`${orders.url}/outbox#order`);
  expect(await page.locator(":target").textContent()).toBe("Outbox of order");
  await page.goto(`${orders.url}/outbox#group-order`);
  expect(await page.locator(":target td").first().textContent()).toBe("order");
});

test.runIf(hasBrowser)("an operator sends again what a destination has had, without a mouse", async () => {
  await orders.tell("o-1", "o-2");
  const before = orders.received.length;
  await using visitor = await visit(`${orders.url}/outbox`, { token: await orders.token("operator") });
  const { page } = visitor;
  expect(await visitor.faultsInEveryView("outbox")).toEqual([]);
  await follow(page, "link", "Send again …");
  await reach(page, "textbox", /From a time/);
  await page.keyboard.type("1");
  await page.keyboard.press("Enter");
  await page.getByText("What would be sent").waitFor();
  expect(await visitor.faultsInEveryView("replay")).toEqual([]);
  await follow(page, "button", /^Send \d+ messages again/);
  await page.getByText("They were sent again.").waitFor();
  expect(await visitor.faultsInEveryView("replayed")).toEqual([]);
  expect(orders.received.length).toBeGreaterThanOrEqual(2 * before);
  expect(await readActions(orders.database)).toMatchObject([{ action: "replayed", destination: "memory", by: "ann" }]);
});

/** The outbox of a service that takes orders, with its relay, and a console that may look into it. */
async function openOrders() {
  await using opening = new AsyncDisposableStack();
  const { database, url } = opening.use(await openTables());
  const received: Envelope[] = [];
  const options = { to: [{ transport: choosy(received) }], leaseMs: 5_000, retryMs: 50, onError: () => {} };
  opening.use(await startRelay(database, options));
  const issuer = opening.use(await openIssuer());
  const SERVICE_DATABASES = `order=${url},billing=postgres://127.0.0.1:1/none`;
  const desks = opening.use(
    openDesks(
      parseConfig({ service: "console", port: 0, database: false }, { SERVICE_DATABASES, LOG_LEVEL: "silent" }),
    ),
  );
  const shop = opening.use(
    await openShop({ access: openAccess(issuer), more: (watch) => [outboxRoutes(desks, watch)] }),
  );
  const opened = opening.move();
  const token = (role: string) => issuer.sign({ roles: [role] });
  const write = (...keys: string[]) => writeAll(database, keys);
  return {
    ...{ url: shop.url, database, desks, received, token, write },
    async tell(...keys: string[]) {
      const before = received.length;
      await write(...keys);
      await vi.waitUntil(() => received.length >= before + keys.length, soon);
      // The broker has it before the cursor is past it.
      await vi.waitUntil(async () => (await readStates(database)).every(({ waiting }) => waiting === 0), soon);
    },
    get: async (path: string) =>
      fetch(shop.url + path, { headers: { authorization: `Bearer ${await token("viewer")}` } }),
    post: async (path: string, fields: Record<string, string>, role: string) =>
      fetch(shop.url + path, {
        ...{ method: "POST", body: new URLSearchParams(fields), redirect: "manual" },
        headers: { authorization: `Bearer ${await token(role)}` },
      }),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** A broker that takes all but the messages of one key. */
function choosy(received: Envelope[]) {
  const transport = memoryTransport();
  return {
    ...transport,
    connectPublisher: async () => ({
      async publish(envelopes: readonly Envelope[]) {
        const [bad, good] = [envelopes.filter(isRefused), envelopes.filter((envelope) => !isRefused(envelope))];
        received.push(...good);
        const refusal = (id: string) => ({ id, refused: true, cause: new Error("the broker says no to refused") });
        if (bad.length > 0) throw new PublishError(bad.map(({ id }) => refusal(id)));
      },
      async [Symbol.asyncDispose]() {},
    }),
  };
}

function isRefused({ key }: Envelope): boolean {
  return key === "refused";
}

function writeAll(database: Database, keys: readonly string[]): Promise<void> {
  return database.transaction((tx) =>
    enqueue(
      tx,
      "order-service",
      keys.map((key) => ({ type: "order.created", version: "1", key, data: {} })),
    ),
  );
}
