import { createEnvelope, runCausedBy } from "@throughline/envelope";
import { expect, test } from "vitest";
import { attributesOf, mostAttributes, toAttributes } from "./attributes.ts";

test("what an envelope is routed by leaves a stranger room for six attributes of its own", () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const message = { type: "order.created", version: "1", key: "order-1", data: {} };
  const attributes = attributesOf(createEnvelope(message, { source: "test", traceparent }));
  expect(Object.keys(attributes)).toEqual(["eventType", "schemaVersion", "correlationId", "traceparent"]);
  expect(Object.keys(attributes).length + 6).toBe(mostAttributes);
});

test("an eleventh attribute is an error that names them all, because SNS would discard the message without a word", () => {
  const names = Array.from({ length: 11 }, (_, n) => `a${n}`);
  expect(() => toAttributes(Object.fromEntries(names.map((name) => [name, "x"])))).toThrow(
    `11 attributes, and AWS takes 10 with a message: leave out of ${names.join(", ")}`,
  );
});

test("a correlation id that AWS would refuse is replaced where it is, and whole in the body", () => {
  const message = { type: "order.created", version: "1", key: "order-1", data: {} };
  const envelope = runCausedBy({ correlationId: "a\u0000b\ud800c 🛒\t" }, () =>
    createEnvelope(message, { source: "test" }),
  );
  expect(attributesOf(envelope).correlationId?.StringValue).toBe("a\ufffdb\ufffdc 🛒\t");
  expect(envelope.correlationId).toBe("a\u0000b\ud800c 🛒\t");
});
