import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { callPatiently, getJson } from "./http.ts";

test("a call whose connection broke, or that the server failed, is made again with the same key", async () => {
  const keys: unknown[] = [];
  await using server = await serve((request, response) => {
    keys.push(request.headers["idempotency-key"]);
    if (keys.length === 1) response.destroy();
    else response.writeHead(keys.length === 2 ? 503 : 201).end("{}");
  });
  const response = await callPatiently(server.url, { method: "POST", headers: { "idempotency-key": "k-1" }, body: {} });
  expect(response.status).toBe(201);
  expect(keys).toEqual(["k-1", "k-1", "k-1"]);
});

test("an answer that is the caller's fault is told, and not asked for again", async () => {
  let calls = 0;
  await using server = await serve((_, response) => {
    calls += 1;
    response.writeHead(422).end("no such thing");
  });
  await expect(getJson(server.url)).rejects.toThrow("was answered 422: no such thing");
  expect(calls).toBe(1);
});

test("an interruption ends the patience", async () => {
  const interrupted = new AbortController();
  await using server = await serve((_, response) => {
    response.writeHead(503).end();
    interrupted.abort();
  });
  await expect(callPatiently(server.url, { signal: interrupted.signal })).rejects.toThrow("aborted");
});

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  };
  return { url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: close };
}
