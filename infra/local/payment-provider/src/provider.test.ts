import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { openLedger } from "./ledger.ts";
import { createProvider } from "./provider.ts";

const folder = mkdtempSync(join(tmpdir(), "ledger-"));
let file: string;
let provider: Awaited<ReturnType<typeof start>>;

beforeEach(async () => {
  file = join(mkdtempSync(join(folder, "of-")), "ledger.jsonl");
  provider = await start();
});
afterEach(() => provider.stop());
afterAll(() => rmSync(folder, { recursive: true }));

const charge = { orderId: "o-1", amountInCents: 1_496, currency: "USD" };

test("a charge is made once, however often it is asked for with the same key", async () => {
  const [first, ...others] = await Promise.all(
    Array.from({ length: 8 }, () => provider.post("/charges", "k-1", charge)),
  );
  expect(first?.status).toBe(201);
  for (const other of others) expect(other).toEqual(first);
  expect(await provider.ledger("o-1")).toEqual([
    expect.objectContaining({ kind: "charge", ...charge, idempotencyKey: "k-1" }),
  ]);
});

test("a restart forgets neither the ledger nor the answers", async () => {
  const first = await provider.post("/charges", "k-1", charge);
  await provider.stop();
  writeFileSync(file, `${readFileSync(file, "utf8")}{"kind":"cha`);
  provider = await start();
  expect(await provider.post("/charges", "k-1", charge)).toEqual(first);
  expect(await provider.ledger("o-1")).toHaveLength(1);
});

test("the same key with another body is a mistake", async () => {
  await provider.post("/charges", "k-1", charge);
  expect((await provider.post("/charges", "k-1", { ...charge, amountInCents: 1 })).status).toBe(422);
  expect((await provider.post("/refunds", "k-1", charge)).status).toBe(422);
});

test("an amount that ends in 13 cents is declined, every time", async () => {
  const declined = { ...charge, amountInCents: 1_413 };
  for (const key of ["k-1", "k-1", "k-2"]) {
    expect(await provider.post("/charges", key, declined)).toMatchObject({
      status: 402,
      body: { detail: "card declined" },
    });
  }
  expect(await provider.ledger()).toEqual([]);
});

test("cards are not declined when it is told so, and it tells how it was told to behave", async () => {
  await provider.behave({ declines: false });
  const told = { latencyMs: 0, failureRate: 0, dropAnswerRate: 0, declines: false };
  expect(await provider.behaviour()).toEqual(told);
  expect((await provider.post("/charges", "k-1", { ...charge, amountInCents: 1_413 })).status).toBe(201);
});

test("no more is paid back than was charged", async () => {
  expect((await provider.post("/refunds", "k-1", charge)).status).toBe(409);
  await provider.post("/charges", "k-2", charge);
  expect((await provider.post("/refunds", "k-3", charge)).status).toBe(201);
  expect((await provider.post("/refunds", "k-4", charge)).status).toBe(409);
});

test("a dropped answer has moved the money, and asking again says so", async () => {
  await provider.behave({ dropAnswerRate: 1 });
  await expect(provider.post("/charges", "k-1", charge)).rejects.toThrow();
  expect((await provider.post("/charges", "k-1", charge)).status).toBe(201);
  expect(await provider.ledger()).toHaveLength(1);
});

test("a failure moves no money", async () => {
  await provider.behave({ failureRate: 1 });
  expect((await provider.post("/charges", "k-1", charge)).status).toBe(503);
  expect(await provider.ledger()).toEqual([]);
});

test.each([
  ["no key", undefined, charge, "Idempotency-Key"],
  ["no amount", "k-1", { orderId: "o-1", currency: "USD" }, "amountInCents"],
  ["part of a cent", "k-1", { ...charge, amountInCents: 1.5 }, "amountInCents"],
  ["an unknown field", "k-1", { ...charge, tip: 1 }, "tip"],
])("%s is a bad request that names the fault", async (_, key, body, fault) => {
  const answer = await provider.post("/charges", key, body);
  expect(answer.status).toBe(400);
  expect(JSON.stringify(answer.body)).toContain(fault);
});

test("a problem has the title of its status and the correlation id of its answer, which is the caller's where there is one", async () => {
  const long = { ...charge, orderId: "o".repeat(200_000) };
  const told = await provider.send("POST", "/charges", long, { "x-correlation-id": "c-1" });
  expect(told).toMatchObject({ status: 413, body: { title: "Payload Too Large", status: 413, correlationId: "c-1" } });
  const { body } = await provider.send("POST", "/charges", null, { "idempotency-key": "k-1" });
  expect(body).toMatchObject({ title: "Bad Request", errors: [{ path: "" }], correlationId: expect.any(String) });
});

test.each([
  ["/livez", "GET"],
  ["/behaviour", "GET, PUT"],
  ["/ledger", "GET"],
  ["/charges", "POST"],
])("a method that %s has not is refused with those that it has", async (path, allow) => {
  const { status, headers } = await fetch(provider.url + path, { method: "DELETE" });
  expect([status, headers.get("allow")]).toEqual([405, allow]);
  expect((await provider.send("DELETE", `${path}/1`, {})).status).toBe(404);
});

async function start() {
  const ledger = openLedger(file);
  const server = createProvider(ledger).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const send = async (method: string, path: string, body: unknown, headers: Record<string, string> = {}) => {
    const init = { method, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) };
    const response = await fetch(`${url}${path}`, init);
    return { status: response.status, body: (await response.json()) as unknown };
  };
  return {
    url,
    send,
    post: (path: string, key: string | undefined, body: unknown) =>
      send("POST", path, body, key === undefined ? {} : { "idempotency-key": key }),
    behaviour: async () => (await (await fetch(`${url}/behaviour`)).json()) as unknown,
    behave: (behaviour: object) => send("PUT", "/behaviour", behaviour),
    ledger: async (orderId?: string) => {
      const response = await fetch(`${url}/ledger${orderId === undefined ? "" : `?orderId=${orderId}`}`);
      return (await response.json()) as unknown[];
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      ledger[Symbol.dispose]();
    },
  };
}
