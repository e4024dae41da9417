import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { openAccess, parseConfig } from "@throughline/service";
import { openIssuer } from "@throughline/service/testing";
import { expect, test, vi } from "vitest";
import { openShop } from "./shop-under-test.ts";
import { tryRoutes } from "./try-http.ts";

test("where nobody said that things may be broken, nothing can be, and the page says so", async () => {
  await using trial = await openTrial({ env: {} });
  expect(await (await trial.get("/try")).text()).toContain("Nothing may be tried here");
  expect((await trial.post("orders", { count: "1" })).status).toBe(404);
});

test("whoever looks sees what may be tried; operators alone try it, and it is written down who did", async () => {
  await using trial = await openTrial({ env: { TRY_IT: "true" } });
  const page = await (await trial.get("/try", "viewer")).text();
  expect(page).toContain("Nothing that this console may stop is here");
  expect(page.match(/<button type="submit" disabled>/g)).toHaveLength(6);
  expect((await trial.post("poison", {}, "viewer")).status).toBe(403);
  expect(trial.logged).toEqual([]);
  expect((await trial.post("orders", { count: "1" })).status).toBe(303);
  expect(trial.logged).toEqual([{ by: "ann", action: "orders", count: "1" }]);
  expect((await trial.post("nonsense", {})).status).toBe(404);
});

test("what cannot be done is a line of the page", async () => {
  await using trial = await openTrial({ env: { TRY_IT: "true" } });
  await trial.post("orders", { count: "3" });
  const page = async () => (await trial.get("/try")).text();
  await vi.waitUntil(async () => (await page()).includes("3 refused: "), { timeout: 10_000 });
  expect(await page()).toContain("The payment provider: GET http://127.0.0.1:1/behaviour had no answer");
});

test("a broker is stopped at the switchboard, and the page shows how it stands", async () => {
  const asked: string[] = [];
  const switchboard = createServer(({ method, url }, response) => {
    asked.push(`${method} ${url}`);
    response.end(JSON.stringify({ kafka: asked.includes("POST /secret/kafka/off") ? "off" : "on" }));
  }).listen(0, "127.0.0.1");
  await once(switchboard, "listening");
  await using _ = { [Symbol.asyncDispose]: async () => void switchboard.close() };
  const SWITCHBOARD_URL = `http://127.0.0.1:${(switchboard.address() as AddressInfo).port}/secret`;
  await using trial = await openTrial({ env: { TRY_IT: "true", SWITCHBOARD_URL } });
  expect(await (await trial.get("/try")).text()).toContain("Kafka runs.");
  await trial.post("brokers", { name: "kafka", to: "off" });
  const page = async () => (await trial.get("/try")).text();
  await vi.waitUntil(async () => (await page()).includes("Kafka is stopped."), { timeout: 10_000 });
  expect(await page()).not.toContain("secret");
});

async function openTrial({ env }: { readonly env: Readonly<Record<string, string>> }) {
  await using opening = new AsyncDisposableStack();
  const issuer = opening.use(await openIssuer());
  const logged: object[] = [];
  const log = { info: (entry: object) => void logged.push(entry) };
  const settings = (orderUrl: string) =>
    parseConfig(
      { service: "console", port: 0, database: false },
      { PAYMENT_PROVIDER_URL: "http://127.0.0.1:1", SERVICES: `order=${orderUrl}`, ...env },
    );
  const more = (watch: Parameters<typeof tryRoutes>[1], orderUrl: string) => [
    tryRoutes(settings(orderUrl), watch, log),
  ];
  const shop = opening.use(await openShop({ access: openAccess(issuer), more }));
  const opened = opening.move();
  const as = async (role: string) => ({ authorization: `Bearer ${await issuer.sign({ roles: [role] })}` });
  return {
    logged,
    get: async (path: string, role = "operator") => fetch(shop.url + path, { headers: await as(role) }),
    post: async (action: string, fields: Record<string, string>, role = "operator") =>
      fetch(`${shop.url}/try/${action}`, {
        ...{ method: "POST", body: new URLSearchParams(fields), redirect: "manual", headers: await as(role) },
      }),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
