import { migrations as eventStore } from "@throughline/event-store";
import { openTestDatabase } from "@throughline/local/testing";
import { migrations as log, query } from "@throughline/log";
import { migrations as outbox } from "@throughline/outbox";
import { serveHttp } from "@throughline/service";
import { expect, test, vi } from "vitest";
import { mapError, routes } from "./http.ts";
import { countStock } from "./use-cases.ts";

const own = { name: "inventory", folder: `${import.meta.dirname}/../migrations` };
const quiet = { service: "inventory", httpHost: "127.0.0.1", port: 0, logLevel: "silent", shutdownGraceMs: 1_000 };
const waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";

test("whatever may be ordered may be stocked", async () => {
  await using store = await openTestDatabase(log, eventStore, outbox, own);
  await using http = await serveHttp(quiet, { routes: routes(store.database), mapError });
  const count = { method: "PUT", headers: { "content-type": "application/json" }, body: '{"onHand":7}' };
  for (const sku of ["cd-1", "cd ü", "a/b?c#d%", "'; drop table stock; --", "\u{1f4bf}".repeat(50)]) {
    const at = `${http.url}/stock/${encodeURIComponent(sku)}`;
    expect(await (await fetch(at, count)).json()).toMatchObject({ sku, onHand: 7 });
    expect(await (await fetch(at)).json()).toEqual({ sku, onHand: 7, reserved: 0, available: 7 });
  }
  expect(await (await fetch(`${http.url}/stock/${"x".repeat(101)}`, count)).json()).toMatchObject({
    ...{ status: 400, title: "The SKU is not valid", errors: [{ path: "sku" }] },
  });
});

test("the first count of a SKU that comes at the same time as another is taken after it", async () => {
  await using store = await openTestDatabase(log, eventStore, outbox, own);
  await using http = await serveHttp(quiet, { routes: routes(store.database), mapError });
  const count = { method: "PUT", headers: { "content-type": "application/json" }, body: '{"onHand":7}' };

  let answer: Promise<Response> | undefined;
  await store.database.transaction(async (tx) => {
    await countStock(tx, "cd-1", 5);
    answer = fetch(`${http.url}/stock/cd-1`, count);
    await vi.waitUntil(async () => (await query(store.database, "waiting", waiting)).length > 0, 10_000);
  });

  expect((await answer)?.status).toBe(200);
  expect(await (await answer)?.json()).toMatchObject({ sku: "cd-1", onHand: 7 });
});
