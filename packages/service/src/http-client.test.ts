import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { carryBaggage, runCausedBy } from "@throughline/envelope";
import { expect, test } from "vitest";
import { callHttp } from "./http-client.ts";

async function startServer(answer: RequestListener) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  async function close() {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  return { url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: close };
}

test("a call carries the correlation and the trace of what is being handled, and none of its baggage", async () => {
  using _ = carryBaggage(["tenant"]);
  await using server = await startServer((request, response) => response.end(JSON.stringify(request.headers)));
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const cause = { id: "m-1", correlationId: "cart-7", traceparent, baggage: { tenant: "acme" } };
  const response = await runCausedBy(cause, () =>
    callHttp(server.url, { method: "POST", body: { amount: 1 }, headers: { "idempotency-key": "m-1" } }),
  );
  const headers = await response.json();
  expect(headers).not.toHaveProperty("baggage");
  expect(headers).toMatchObject({
    traceparent,
    "x-correlation-id": "cart-7",
    "idempotency-key": "m-1",
    "content-type": "application/json",
  });
});

test("a text is sent as it is", async () => {
  await using server = await startServer((request, response) => void request.pipe(response));
  const response = await callHttp(server.url, { method: "POST", body: '{"amount":1}' });
  expect(await response.json()).toEqual({ amount: 1 });
});

test("an answer is returned whatever its status", async () => {
  await using server = await startServer((_request, response) => response.writeHead(503).end("{}"));
  expect((await callHttp(server.url)).status).toBe(503);
});

test("no answer in time is an error that names the call", async () => {
  await using server = await startServer(() => {});
  const call = callHttp(`${server.url}/charges?token=hunter2`, { timeoutMs: 50 });
  await expect(call).rejects.toThrow(`GET ${server.url}/charges had no answer`);
});

test("half an answer in time is an error for the reader", async () => {
  await using server = await startServer((_request, response) => void response.write('{"half":'));
  const response = await callHttp(server.url, { timeoutMs: 1_000 });
  await expect(response.json()).rejects.toThrow();
});
