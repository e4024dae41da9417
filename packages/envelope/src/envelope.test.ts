import { expect, test } from "vitest";
import { createEnvelope, currentCause, deriveId, newId, runCausedBy } from "./index.ts";

const message = { type: "order.created", version: "1", key: "o-1", data: {} };
const origin = { source: "order-service" };

test("a message outside of any cause starts a correlation of its own", () => {
  const envelope = createEnvelope(message, origin);
  expect(envelope.correlationId).toBe(envelope.id);
  expect(envelope).not.toHaveProperty("causationId");
  expect(envelope).not.toHaveProperty("traceparent");
});

test("a request without an id of its own gives its correlation and is nobody's cause", () => {
  const envelope = runCausedBy({ correlationId: "c-1" }, () => createEnvelope(message, origin));
  expect(envelope.correlationId).toBe("c-1");
  expect(envelope).not.toHaveProperty("causationId");
});

test("the cause survives every await and ends with its work", async () => {
  const seen = await runCausedBy({ id: "m-1", correlationId: "c-1" }, async () => {
    await new Promise(setImmediate);
    return currentCause()?.id;
  });
  expect(seen).toBe("m-1");
  expect(currentCause()).toBeUndefined();
});

test("two causes at the same time do not meet", async () => {
  const tell = async () => {
    await new Promise(setImmediate);
    return createEnvelope(message, origin).causationId;
  };
  const causes = ["m-1", "m-2", "m-3"];
  expect(await Promise.all(causes.map((id) => runCausedBy({ id, correlationId: id }, tell)))).toEqual(causes);
});

test("a trace given by the sender goes before that of the cause", () => {
  const ofCause = `00-${"1".repeat(32)}-${"1".repeat(16)}-01`;
  const given = `00-${"2".repeat(32)}-${"2".repeat(16)}-01`;
  runCausedBy({ correlationId: "c", traceparent: ofCause }, () => {
    expect(createEnvelope(message, origin).traceparent).toBe(ofCause);
    expect(createEnvelope(message, { ...origin, traceparent: given }).traceparent).toBe(given);
  });
});

test("ids are UUIDs of version 7 and sort by their time", () => {
  const ids = Array.from({ length: 100 }, newId);
  expect([...ids].sort()).toEqual(ids);
  expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("the same name and time always derive the same id, another name another", () => {
  const at = new Date("2026-11-23T10:00:00.000Z");
  expect(deriveId("event-1 order.created", at)).toBe(deriveId("event-1 order.created", at));
  expect(deriveId("event-1 order.created", at)).not.toBe(deriveId("event-2 order.created", at));
  expect(Number.parseInt(deriveId("event-1", at).replace("-", "").slice(0, 12), 16)).toBe(at.getTime());
  expect(deriveId("event-1", at)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
