import { expect, test } from "vitest";
import { createEnvelope, parseEnvelope, runCausedBy, serializeEnvelope } from "./index.ts";

test("what a handler tells carries the correlation on and names its cause", () => {
  const order = createEnvelope(
    { type: "order.created", version: "1", key: "o-1", data: { totalInCents: 900 } },
    { source: "order-service" },
  );

  const received = parseEnvelope(serializeEnvelope(order));
  const payment = runCausedBy(received, () =>
    createEnvelope({ type: "payment.completed", version: "1", key: "o-1", data: {} }, { source: "billing-service" }),
  );

  expect(payment.correlationId).toBe(order.correlationId);
  expect(payment.causationId).toBe(order.id);
});
