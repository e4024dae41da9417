import { HttpProblem, problem, serveHttp } from "@throughline/service";
import { Router } from "express";
import { expect, test } from "vitest";
import { takeSnapshot } from "./snapshot.ts";

const quiet = { service: "test", httpHost: "127.0.0.1", port: 0, logLevel: "silent", shutdownGraceMs: 1_000 };
const fine = () => ({});
const away = () => {
  throw new Error("connect ECONNREFUSED to postgres://u:hunter2@host/db");
};
const noStatus = () => {
  throw problem(503, "Service Unavailable", { detail: "What this needs does not answer: try again" });
};
const broken = () => {
  throw new HttpProblem(500, "Internal Server Error", {});
};

test.each([
  [
    "which part of it is not ready",
    away,
    noStatus,
    "database: connect ECONNREFUSED to postgres://u:[redacted]@host/db",
  ],
  [
    "which part of it is not ready, also where it tells how it stands",
    away,
    fine,
    expect.stringMatching(/^database: /),
  ],
  ["why it does not tell how it stands", fine, noStatus, "What this needs does not answer: try again"],
  ["that it does not tell how it stands", fine, broken, "it answered 500"],
])("of a service it is told %s", async (_what, database, status, reason) => {
  await using service = await serveHttp(quiet, { routes: Router(), ready: { database }, status });
  const { services } = await takeSnapshot([{ name: "order", url: service.url }]);
  expect(services).toMatchObject([{ name: "order", isReady: false, reason }]);
  expect(services[0]?.status === undefined).toBe(status !== fine);
});

test("of a service that does not answer it is told once that it does not", async () => {
  const { services } = await takeSnapshot([{ name: "gone", url: "http://127.0.0.1:1" }]);
  expect(services).toMatchObject([{ isReady: false, reason: expect.stringContaining("/readyz had no answer") }]);
});
