import { carryBaggage } from "@throughline/envelope";
import { describe, expect, test } from "vitest";
import { call, json, serve } from "./testing/http.ts";

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

  test("carries what the caller says under the keys of the list", async () => {
    using _ = carryBaggage(["tenant", "plan"]);
    await using http = await serve();
    const answer = await call(`${http.url}/cause`, { headers: { baggage: "tenant=acme,secret=1" } });
    expect(answer.body).toEqual({ correlationId: expect.any(String), baggage: { tenant: "acme" } });
  });

  test.each([
    ["no key is on the list", [], "tenant=acme"],
    ["the caller's is malformed", ["tenant"], "tenant=%E2,,;=,"],
    ["the caller's is long", ["tenant"], `tenant=${"x".repeat(10_000)}`],
  ])("carries no baggage where %s, and is answered", async (_what, keys, baggage) => {
    using _ = carryBaggage(keys);
    await using http = await serve();
    const answer = await call(`${http.url}/cause`, { headers: { baggage } });
    expect(answer).toMatchObject({ status: 200, body: { correlationId: expect.any(String) } });
    expect(answer.body).not.toHaveProperty("baggage");
  });
});
