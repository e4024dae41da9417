import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { testBrokers, uniqueName } from "@throughline/local/testing";
import { openAccess, parseConfig } from "@throughline/service";
import { openIssuer } from "@throughline/service/testing";
import { expect, test, vi } from "vitest";
import { follow, hasBrowser, visit } from "./browser-under-test.ts";
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
  expect((await trial.post("constructor", {})).status).toBe(404);
});

test("what cannot be done is a line of the page", async () => {
  await using trial = await openTrial({ env: { TRY_IT: "true" } });
  await trial.post("orders", { count: "3" });
  const page = async () => (await trial.get("/try")).text();
  await vi.waitUntil(async () => (await page()).includes("3 refused: "), { timeout: 10_000 });
  expect(await page()).toContain("The payment provider: GET http://127.0.0.1:1/behaviour had no answer");
});

test("a broker is stopped at the switchboard, and the page shows how it stands", async () => {
  await using switchboard = await openSwitchboard();
  await using trial = await openTrial({ env: { TRY_IT: "true", SWITCHBOARD_URL: switchboard.url } });
  expect(await (await trial.get("/try")).text()).toContain("Kafka runs.");
  await trial.post("brokers", { name: "kafka", to: "off" });
  const page = async () => (await trial.get("/try")).text();
  await vi.waitUntil(async () => (await page()).includes("Kafka is stopped."), { timeout: 10_000 });
  expect(await page()).not.toContain("secret");
});

test.runIf(hasBrowser)("an operator tries everything out without a mouse, and sees what comes of it", async () => {
  await using switchboard = await openSwitchboard();
  await using provider = await openProvider();
  vi.stubEnv("AWS_ACCESS_KEY_ID", "local");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "local");
  const brokers = { NAMESPACE: uniqueName("t"), SNS_SQS_ENDPOINT: testBrokers.snsSqs };
  const env = { TRY_IT: "true", SWITCHBOARD_URL: switchboard.url, PAYMENT_PROVIDER_URL: provider.url, ...brokers };
  await using trial = await openTrial({ env, takesOrders: true });
  await using visitor = await visit(`${trial.url}/try`, { token: await trial.token("operator") });
  const { page } = visitor;
  const outcomes = {
    "Place an order": "1 of 1 order placed.",
    "Place 1,000 orders": "1,000 of 1,000 orders placed.",
    "Send a poison message": "The last poison message was of order",
    "Make it slow": "The payment provider takes 2 s for each answer.",
    "Let it drop answers": "The payment provider drops 50 of 100 answers.",
    "Let it behave": "The payment provider behaves.",
    "Stop Kafka": "Kafka is stopped.",
    "Start Kafka": "Kafka runs.",
  };
  expect(await page.locator("main").getByRole("button").allTextContents()).toEqual(Object.keys(outcomes));
  for (const [button, outcome] of Object.entries(outcomes)) {
    await follow(page, "button", button);
    await page.getByText(outcome).waitFor();
  }
  expect(await visitor.faultsInEveryView("try-operator")).toEqual([]);
  expect(trial.logged).toHaveLength(Object.keys(outcomes).length);
});

/** Has Kafka, and turns it as it is asked to. */
async function openSwitchboard() {
  let kafka = "on";
  const { url, ...opened } = await openServer(({ method, url = "" }, response) => {
    if (method === "POST") kafka = url.slice("/secret/kafka/".length);
    response.end(JSON.stringify({ kafka }));
  });
  return { ...opened, url: `${url}/secret` };
}

function openProvider() {
  let behaviour = { latencyMs: 0, dropAnswerRate: 0 };
  return openServer(async (request, response) => {
    if (request.method === "PUT") behaviour = (await json(request)) as typeof behaviour;
    response.end(JSON.stringify(behaviour));
  });
}

async function openServer(answer: RequestListener) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: async () => void server.close() };
}

type TrialOptions = { readonly env: Readonly<Record<string, string>>; readonly takesOrders?: boolean };

async function openTrial({ env, takesOrders = false }: TrialOptions) {
  await using opening = new AsyncDisposableStack();
  const issuer = opening.use(await openIssuer());
  const logged: object[] = [];
  const acts = { info: (entry: object) => void logged.push(entry) };
  const settings = (orderUrl: string) =>
    parseConfig(
      { service: "console", port: 0, database: false },
      { PAYMENT_PROVIDER_URL: "http://127.0.0.1:1", SERVICES: `order=${orderUrl}`, ...env },
    );
  const more = (watch: Parameters<typeof tryRoutes>[1], orderUrl: string) => [
    tryRoutes(settings(orderUrl), watch, acts),
  ];
  const shop = opening.use(await openShop({ access: openAccess(issuer), more, takesOrders }));
  const opened = opening.move();
  const token = (role: string) => issuer.sign({ roles: [role] });
  const as = async (role: string) => ({ authorization: `Bearer ${await token(role)}` });
  return {
    ...{ logged, url: shop.url, token },
    get: async (path: string, role = "operator") => fetch(shop.url + path, { headers: await as(role) }),
    post: async (action: string, fields: Record<string, string>, role = "operator") =>
      fetch(`${shop.url}/try/${action}`, {
        ...{ method: "POST", body: new URLSearchParams(fields), redirect: "manual", headers: await as(role) },
      }),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
