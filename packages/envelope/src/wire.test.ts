import fc from "fast-check";
import { expect, test } from "vitest";
import { createEnvelope, parseEnvelope, RejectedError, restoreEnvelope, serializeEnvelope } from "./index.ts";

const envelope = createEnvelope(
  { type: "order.created", version: "1", key: "o-1", data: { note: "café 🎵" } },
  { source: "order-service" },
);

test("any data survives the wire, which carries nothing but ASCII", () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ noUnicodeString: false }),
      fc.string({ minLength: 1, maxLength: 50, unit: "grapheme" }),
      (data, key) => {
        const sent = createEnvelope({ type: "order.created", version: "1", key, data }, { source: "s" });
        const wire = serializeEnvelope(sent);
        expect(wire).toMatch(/^[\x20-\x7e]*$/);
        expect(parseEnvelope(Buffer.from(wire))).toEqual(JSON.parse(JSON.stringify(sent)));
      },
    ),
  );
});

test("what was received goes out again in the bytes it came in", () => {
  const wire = serializeEnvelope(envelope).replace("{", "{ ").replace('"data"', '"unknown":1,"data"');
  expect(serializeEnvelope(parseEnvelope(wire))).toBe(wire);
});

test("the text is the same to the byte, with baggage and without", () => {
  const fixed = {
    ...{ id: "0199f000-0000-7000-8000-000000000001", type: "order.created", version: "1" },
    ...{
      timestamp: "2026-11-26T10:00:00.000Z",
      source: "order-service",
      key: "o-1",
      sequence: 1,
      correlationId: "c-1",
    },
  };
  const head =
    '{"id":"0199f000-0000-7000-8000-000000000001","type":"order.created","version":"1",' +
    '"timestamp":"2026-11-26T10:00:00.000Z","source":"order-service","key":"o-1","sequence":1,"correlationId":"c-1"';
  expect(serializeEnvelope({ ...fixed, data: {} })).toBe(`${head},"data":{}}`);
  const baggage = { tenant: "Gr\u00fcn" };
  const wire = `${head},"baggage":{"tenant":"Gr\\u00fcn"},"data":{}}`;
  expect(serializeEnvelope({ ...fixed, baggage, data: {} })).toBe(wire);
  expect(parseEnvelope(wire)).toEqual({ ...fixed, baggage, data: {} });
});

test("a stored envelope is not parsed before its data is read", () => {
  const { data: _, ...header } = envelope;
  const broken = restoreEnvelope(header, "no JSON at all");
  expect(serializeEnvelope(broken)).toBe("no JSON at all");
  expect(() => broken.data).toThrow(SyntaxError);
  expect(restoreEnvelope(header, serializeEnvelope(envelope)).data).toEqual(envelope.data);
});

test("a name that Postgres cannot keep is a fault", () => {
  const wire = JSON.stringify({ ...envelope, key: "o\0" });
  expect(() => parseEnvelope(wire)).toThrow(/key: expected no NUL/);
});

test("every fault is named by its path", () => {
  const wire = JSON.stringify({
    ...envelope,
    id: 7,
    version: "one",
    timestamp: "yesterday",
    sequence: 0,
    data: undefined,
  });
  expect(() => parseEnvelope(wire)).toThrow(RejectedError);
  for (const path of ["id", "version", "timestamp", "sequence", "data"]) {
    expect(() => parseEnvelope(wire)).toThrow(new RegExp(`[:;] ${path}: `));
  }
});

test.each([
  ["bytes that are not UTF-8", Uint8Array.of(0xff, 0xfe, 0x00), /3 bytes that are not UTF-8/],
  ["text that is not JSON", "{", /1 characters that are not JSON/],
  ["nothing", "", /0 characters that are not JSON/],
  ["JSON that is no object", "[]", /\(root\)/],
  ["an upper-case type", JSON.stringify({ ...envelope, type: "Order" }), /type: expected noun\.verb/],
  ["the year 0", JSON.stringify({ ...envelope, timestamp: "0000-01-01T00:00:00.000Z" }), /timestamp: expected a year/],
  ["a broken traceparent", JSON.stringify({ ...envelope, traceparent: "00-1-2-3" }), /traceparent: expected a W3C/],
  ["nesting without end", `${"[".repeat(200_000)}${"]".repeat(200_000)}`, /no envelope/],
])("%s is rejected for ever", (_, body, reason) => {
  expect(() => parseEnvelope(body)).toThrow(RejectedError);
  expect(() => parseEnvelope(body)).toThrow(reason);
});

test.each([
  ["W3C's text", "tenant=acme", undefined],
  ["null", null, undefined],
  ["a list", ["acme"], undefined],
  ["a key that is no token", { "two words": "1", plan: "pro" }, { plan: "pro" }],
  ["a key that is too long", { ["x".repeat(65)]: "1", plan: "pro" }, { plan: "pro" }],
  ["a value that is no text", { tenant: 7, plan: "pro" }, { plan: "pro" }],
  ["a value that is too long", { tenant: "\u00fc".repeat(129), plan: "pro" }, { plan: "pro" }],
  ["a value that breaks lines", { tenant: "a\nb", plan: "pro" }, { plan: "pro" }],
  ["a value that breaks lines for some", { tenant: "a\u2028b", user: "a\u2029b", plan: "pro" }, { plan: "pro" }],
  ["a value that is half a character", { tenant: "\ud800", plan: "pro" }, { plan: "pro" }],
  ["nothing that is of the form", { tenant: "\0" }, undefined],
])("%s in the place of baggage is not read, and the message is, and goes out as it came", (_what, baggage, read) => {
  const wire = JSON.stringify({ ...envelope, baggage });
  const received = parseEnvelope(wire);
  expect(received).toEqual({ ...envelope, baggage: read });
  expect(serializeEnvelope(received)).toBe(wire);
});

test("of more baggage than a process can carry, each may find its own", () => {
  const baggage = Object.fromEntries(Array.from({ length: 17 }, (_, number) => [`${number}`, "1"]));
  expect(parseEnvelope(JSON.stringify({ ...envelope, baggage })).baggage).toEqual(baggage);
});
