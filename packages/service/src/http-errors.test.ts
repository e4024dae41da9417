import { connect } from "node:net";
import { Router } from "express";
import { describe, expect, test } from "vitest";
import { problem } from "./http-problem.ts";
import { call, json, OrderError, serve } from "./testing/http.ts";

describe("a fault is answered with a problem", () => {
  test("that names every fault of the body by its path", async () => {
    await using http = await serve();
    const body = JSON.stringify({ items: [{ quantity: 1 }, { quantity: 0, note: "" }], colour: "red" });
    const answer = await call(`${http.url}/orders`, { method: "POST", headers: json, body });
    expect(answer.status).toBe(400);
    expect(answer.headers.get("content-type")).toContain("application/problem+json");
    expect(answer.body).toEqual({
      type: "about:blank",
      title: "Bad Request",
      status: 400,
      detail: "The body has 4 faults",
      errors: [
        { path: "customerId", message: expect.any(String) },
        { path: "items.1.quantity", message: expect.any(String) },
        { path: "items.1.note", message: "Unknown field" },
        { path: "colour", message: "Unknown field" },
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
    ["an unknown method of what every service has", "POST", "/livez", {}, 405, /has GET/],
    ["a database that is away", "GET", "/away", {}, 503, /does not answer/],
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

  test.each([
    ...["57P01", "57P02", "57P03", "25006", "53100", "53200", "53300", "08006", "EBUSY"],
    ...["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"],
  ])("that asks to try again, for %s, however deep in the cause", async (code) => {
    const routes = Router();
    const cause = Object.assign(new Error("not now"), { code });
    routes.get("/", () => Promise.reject(new Error("Failed query", { cause })));
    await using http = await serve({ routes });
    expect(await call(http.url)).toMatchObject({ status: 503, body: { title: "Service Unavailable" } });
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

  test("that names them also where the path is that of a router within another", async () => {
    const [routes, pages] = [Router(), Router()];
    pages.get("/snapshot", (_request, response) => void response.json({}));
    routes.use(pages).use("/old", pages);
    await using http = await serve({ routes });
    for (const path of ["/snapshot", "/old/snapshot"]) {
      const answer = await call(http.url + path, { method: "POST" });
      expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET"]);
    }
    expect((await call(`${http.url}/old`, { method: "POST" })).status).toBe(404);
  });
});

test("half an answer is cut off, so that nobody takes it for a whole one", async () => {
  const routes = Router();
  routes.get("/half", (_request, response) => {
    response.write('{"orders": [');
    throw new Error("lost the database");
  });
  await using http = await serve({ routes });
  const reading = fetch(`${http.url}/half`).then((response) => response.text());
  await expect(reading).rejects.toThrow();
});

test.each([
  ["what is no HTTP", "Hello?\r\n", /^HTTP\/1.1 400 Bad Request\r\n/],
  ["a request without Host", "GET /livez HTTP/1.1\r\n", /^HTTP\/1.1 400 Bad Request\r\n/],
  ["an expectation that nobody meets", "GET /livez HTTP/1.1\r\nhost: x\r\nexpect: tea\r\n", /^HTTP\/1.1 417 /],
])("%s is answered with a problem as well", async (_what, request, status) => {
  await using http = await serve();
  const socket = connect(Number(new URL(http.url).port), "127.0.0.1").setEncoding("latin1");
  socket.write(`${request}connection: close\r\n\r\n`);
  const answer = (await socket.toArray()).join("");
  expect(answer).toMatch(status);
  expect(answer).toMatch(/^content-type: application\/problem\+json/im);
  expect(answer).toMatch(/^x-correlation-id: [0-9a-f-]{36}/im);
});
