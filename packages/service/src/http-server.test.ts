import { connect } from "node:net";
import { currentCause } from "@throughline/envelope";
import express from "express";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { readBody, readQuery } from "./http-input.ts";
import { problem } from "./http-problem.ts";
import { type HttpOptions, serveHttp } from "./http-server.ts";

const config = { service: "test", httpHost: "127.0.0.1", port: 0, logLevel: "silent" };
const order = z.object({ customerId: z.string(), items: z.array(z.object({ quantity: z.int().positive() })) });
const json = { "content-type": "application/json" };

class OrderError extends Error {}

function serve(options: Partial<HttpOptions> = {}) {
  const routes = express.Router();
  routes.post("/orders", (request, response) => void response.status(201).json(readBody(order, request)));
  routes.get("/orders", (request, response) => {
    response.json(readQuery(z.object({ limit: z.coerce.number().max(100) }), request));
  });
  routes.get("/orders/:orderId", (request) => {
    throw problem(409, "The order is completed", { orderId: request.params.orderId });
  });
  routes.get("/cause", (_request, response) => void response.json(currentCause()));
  routes.post("/cause", async (_request, response) => void response.json(await Promise.resolve(currentCause())));
  routes.get("/domain", () => Promise.reject(new OrderError("No such order")));
  routes.get("/bug", () => Promise.reject(new Error("password is hunter2")));
  return serveHttp(config, { routes, ...options });
}

async function call(url: string, init?: RequestInit) {
  const response = await fetch(url, init);
  const body: unknown = await response.json();
  return { status: response.status, headers: response.headers, body };
}

describe("a fault is answered with a problem", () => {
  test("that names every fault of the body by its path", async () => {
    await using http = await serve();
    const body = JSON.stringify({ items: [{ quantity: 1 }, { quantity: 0 }] });
    const answer = await call(`${http.url}/orders`, { method: "POST", headers: json, body });
    expect(answer.status).toBe(400);
    expect(answer.headers.get("content-type")).toContain("application/problem+json");
    expect(answer.body).toEqual({
      type: "about:blank",
      title: "Bad Request",
      status: 400,
      detail: "The body has 2 faults",
      errors: [
        { path: "customerId", message: expect.any(String) },
        { path: "items.1.quantity", message: expect.any(String) },
      ],
      correlationId: answer.headers.get("x-correlation-id"),
    });
  });

  test.each([
    ["no body", "POST", "/orders", { headers: {} }, 400, /The body has a fault/],
    ["broken JSON", "POST", "/orders", { body: '{"a": tru}' }, 400, /stops being JSON at position 9/],
    [
      "another media type",
      "POST",
      "/orders",
      { body: "a=1", headers: { "content-type": "text/plain" } },
      415,
      /Send JSON/,
    ],
    [
      "another charset",
      "POST",
      "/orders",
      { body: "{}", headers: { "content-type": "application/json; charset=x" } },
      415,
      /charset/,
    ],
    ["a body over 1 MiB", "POST", "/orders", { body: `"${"x".repeat(1_048_576)}"` }, 413, /limit is 1 MiB/],
    ["text that Postgres refuses", "POST", "/orders", { body: '{"customerId":"\\u0000","items":[]}' }, 400, /a fault/],
    ["an address that Postgres refuses", "GET", "/orders/%00", {}, 400, /U\+0000/],
    ["an address that cannot be decoded", "GET", "/orders/%ff", {}, 400, /decode/],
    ["a wrong query", "GET", "/orders?limit=1000", {}, 400, /The query has a fault/],
    ["an unknown route", "GET", "/nothing", {}, 404, /There is no GET \/nothing/],
    ["an unknown method", "DELETE", "/orders/1", {}, 405, /has GET/],
    ["a bug", "GET", "/bug", {}, 500, /correlation id leads to the cause/],
  ])("for %s", async (_what, method, path, init, status, detail) => {
    await using http = await serve();
    const answer = await call(http.url + path, { method, headers: json, ...init });
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toContain("application/problem+json");
    expect(answer.headers.get("x-correlation-id")).toBeTruthy();
    expect(answer.body).toMatchObject({ status, detail: expect.stringMatching(detail) });
    expect(JSON.stringify(answer.body)).not.toContain("hunter2");
  });

  test("that the route has thrown", async () => {
    await using http = await serve();
    const answer = await call(`${http.url}/orders/o-1`);
    expect(answer.body).toMatchObject({ status: 409, title: "The order is completed", orderId: "o-1" });
  });

  test("that the service has mapped its own error to", async () => {
    await using http = await serve({
      mapError: (error) =>
        error instanceof OrderError ? problem(404, "Not Found", { detail: error.message }) : undefined,
    });
    expect((await call(`${http.url}/domain`)).body).toMatchObject({ status: 404, detail: "No such order" });
    expect((await call(`${http.url}/bug`)).status).toBe(500);
  });

  test("that names the methods which the path has", async () => {
    await using http = await serve();
    expect((await call(`${http.url}/orders`, { method: "PUT" })).headers.get("allow")).toBe("POST, GET");
  });
});

describe("what a request causes", () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

  test.each(["GET", "POST"])("carries the caller's correlation and trace, by %s", async (method) => {
    await using http = await serve();
    const headers = { ...json, "x-correlation-id": "cart 7", traceparent };
    const body = method === "POST" ? "{}" : null;
    const answer = await call(`${http.url}/cause`, { method, headers, body });
    expect(answer.body).toEqual({ correlationId: "cart 7", traceparent });
    expect(answer.headers.get("x-correlation-id")).toBe("cart 7");
  });

  test.each([
    ["is too long", { "x-correlation-id": "x".repeat(256) }],
    ["is not ASCII", { "x-correlation-id": "caf\u00e9" }],
    ["is missing", {}],
  ])("gets a new correlation where the caller's %s", async (_what, headers) => {
    await using http = await serve();
    const answer = await call(`${http.url}/cause`, { headers });
    const id = answer.headers.get("x-correlation-id");
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.body).toEqual({ correlationId: id });
  });

  test("has no trace where the caller's is malformed", async () => {
    await using http = await serve();
    const answer = await call(`${http.url}/cause`, { headers: { traceparent: "00-0-0-01" } });
    expect(answer.body).toEqual({ correlationId: expect.any(String) });
  });
});

describe("health", () => {
  test("is ready when every part is", async () => {
    await using http = await serve({ ready: { database: () => Promise.resolve(), relay: () => "whatever" } });
    expect((await call(`${http.url}/livez`)).body).toEqual({ status: "alive" });
    expect(await call(`${http.url}/readyz`)).toMatchObject({
      status: 200,
      body: { status: "ready", parts: { database: "ready", relay: "ready" } },
    });
  });

  test("is not ready while one part is not, and says why", async () => {
    const refused = Object.assign(new AggregateError([]), { code: "ECONNREFUSED" });
    await using http = await serve({
      ready: {
        database: () => Promise.reject(refused),
        relay: () => {
          throw new Error("no lane");
        },
        consumer: () => Promise.withResolvers().promise,
        http: () => undefined,
      },
    });
    expect(await call(`${http.url}/readyz`)).toMatchObject({
      status: 503,
      body: { parts: { database: "ECONNREFUSED", relay: "no lane", consumer: "no answer within 2 s", http: "ready" } },
    });
    expect((await call(`${http.url}/livez`)).status).toBe(200);
  });

  test("shows the state of the process beside the service's own", async () => {
    await using http = await serve({ status: () => Promise.resolve({ consumer: { handled: 3 } }) });
    expect((await call(`${http.url}/status`)).body).toMatchObject({
      service: "test",
      pid: process.pid,
      uptimeSeconds: expect.any(Number),
      rssBytes: expect.any(Number),
      consumer: { handled: 3 },
    });
  });
});

describe("a shutdown", () => {
  test("finishes the requests in flight, accepts no more, and says on open connections that it is stopping", async () => {
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
    const { promise: finish, resolve: mayFinish } = Promise.withResolvers<void>();
    const routes = express.Router();
    routes.get("/slow", async (_request, response) => {
      arrive();
      await finish;
      response.json({ done: true });
    });
    const http = await serveHttp(config, { routes });
    const slow = call(`${http.url}/slow`);
    await arrived;
    const half = await openHalfRequest(http.url, "GET /readyz HTTP/1.1\r\n");
    const closed = http[Symbol.asyncDispose]();

    await expect(fetch(`${http.url}/livez`)).rejects.toThrow();
    const unready = await half.complete();
    expect(unready).toMatch(/^HTTP\/1.1 503/);
    expect(unready).toContain('"process":"stopping"');
    expect(unready.toLowerCase()).toContain("connection: close");
    mayFinish();
    expect(await slow).toMatchObject({ status: 200, body: { done: true } });
    await closed;
  });

  test("cuts what does not end by itself", async () => {
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
    const routes = express.Router();
    routes.get("/stream", (_request, response) => {
      response.write("and so on");
      arrive();
    });
    const http = await serveHttp(config, { routes, drainMs: 10 });
    const stream = fetch(`${http.url}/stream`).then((response) => response.text());
    const cut = expect(stream).rejects.toThrow();
    await arrived;
    await http[Symbol.asyncDispose]();
    await cut;
  });
});

test("a port that is taken is said at once", async () => {
  await using http = await serve();
  const taken = { ...config, port: Number(new URL(http.url).port) };
  await expect(serveHttp(taken, { routes: express.Router() })).rejects.toThrow("EADDRINUSE");
});

/** A whole request and the start of another in one packet: when the first is answered, the second has begun. */
async function openHalfRequest(url: string, start: string) {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  let received = "";
  socket.setEncoding("latin1").write(`GET /livez HTTP/1.1\r\nhost: x\r\n\r\n${start}`);
  await new Promise<void>((resolve) => socket.once("data", () => resolve()));
  socket.on("data", (chunk: string) => {
    received += chunk;
  });
  return {
    async complete(): Promise<string> {
      socket.write("host: x\r\n\r\n");
      await new Promise<void>((resolve) => socket.once("close", () => resolve()));
      return received;
    },
  };
}
