import { carryBaggage, runCausedBy } from "@throughline/envelope";
import { expect, test } from "vitest";
import { actsOf, createLogger } from "./logger.ts";

function startLog(logLevel = "info") {
  const lines: string[] = [];
  const log = createLogger({ service: "order", logLevel }, { write: (line) => void lines.push(line) });
  return { log, lines };
}

test("a line says when, how bad, which service, and in which correlation, message and baggage", () => {
  using _ = carryBaggage(["tenant"]);
  const { log, lines } = startLog();
  const baggage = { tenant: "acme", secret: "hunter2" };
  runCausedBy({ id: "m-1", correlationId: "cart-7", baggage }, () => log.warn({ orderId: "o-1" }, "late"));
  expect(JSON.parse(lines[0] ?? "")).toEqual({
    level: "warn",
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    service: "order",
    pid: process.pid,
    correlation_id: "cart-7",
    message_id: "m-1",
    baggage: { tenant: "acme" },
    orderId: "o-1",
    msg: "late",
  });
});

test("a long line is looked through in one go", () => {
  const { log, lines } = startLog();
  const path = "a".repeat(4_000_000);
  log.info(path);
  expect(lines[0]).toContain(path);
});

test("a line below the level is not written", () => {
  const { log, lines } = startLog();
  log.debug("detail");
  expect(lines).toEqual([]);
});

test.each(["warn", "silent"])("what people do is written where the level is %s, and without secrets", (level) => {
  const { log, lines } = startLog(level);
  log.info("detail");
  actsOf(log).info({ by: "ann", token: "hunter2" }, "signed in");
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ service: "order", by: "ann", token: "[redacted]" }]);
});

test.each([
  [{ headers: { authorization: "hunter2" } }],
  [{ password: "hunter2" }],
  [{ sasl: { username: "u", password: "hunter2" } }],
  [{ url: "postgres://user:hunter2@host/db" }],
  [{ err: new Error("cannot reach amqp://user:hunter2@host:5672") }],
  [{ err: new Error("401 to Authorization: Bearer hunter2.hunter2-hunter2") }],
  [{ err: new Error("outer", { cause: new Error("amqp://:hunter2@host") }) }],
])("a secret is not written, in %o", (facts) => {
  const { log, lines } = startLog();
  log.info(facts, "connecting");
  expect(lines.join()).not.toContain("hunter2");
  expect(lines.join()).toContain("[redacted]");
});
