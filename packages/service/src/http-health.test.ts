import { describe, expect, test } from "vitest";
import { call, serve } from "./testing/http.ts";

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
