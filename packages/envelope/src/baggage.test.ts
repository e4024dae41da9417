import fc from "fast-check";
import { expect, test } from "vitest";
import {
  areBaggageKeys,
  baggageAttributes,
  carryBaggage,
  createEnvelope,
  currentCause,
  parseEnvelope,
  readBaggage,
  runCausedBy,
  serializeEnvelope,
} from "./index.ts";

const message = { type: "order.created", version: "1", key: "o-1", data: {} };
const origin = { source: "order-service" };
const both = { tenant: "acme", secret: "1" };

const token = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/).filter((key) => key !== "__proto__");
const value = fc.string({ unit: "binary", maxLength: 64 }).filter((text) => !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text));

test("what others write into a header is read as they meant it", () => {
  const members = fc.dictionary(token, value, { minKeys: 1, maxKeys: 16, noNullPrototype: true });
  fc.assert(
    fc.property(members, fc.constantFrom("", " ", "\t "), (baggage, space) => {
      using _ = carryBaggage(Object.keys(baggage));
      const written = Object.entries(baggage).map(([key, text]) => `${key}${space}=${encodeURIComponent(text)};a=1`);
      expect(readBaggage(written.join(`,${space}`))).toEqual(baggage);
    }),
  );
});

test("whatever a header says, what is read of it can travel", () => {
  using _ = carryBaggage(["tenant", "plan"]);
  const anything = fc.string({ unit: "binary" });
  const key = fc.constantFrom("tenant", "plan", " plan ", "secret");
  const text = fc.oneof(fc.constantFrom("acme", "%C3%BC", "%C3", "%0A", "a b", "a;b", ""), anything);
  const member = fc.oneof(fc.tuple(key, fc.constant("="), text), fc.tuple(anything)).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.array(member), (members) => {
      const baggage = readBaggage(members.join(","));
      const sent = runCausedBy({ correlationId: "c-1", ...(baggage && { baggage }) }, () =>
        createEnvelope(message, origin),
      );
      expect(parseEnvelope(serializeEnvelope(sent)).baggage).toEqual(baggage);
    }),
  );
});

test.each([
  ["what is on no list", "tenant=acme,secret=1,Tenant=other", { tenant: "acme" }],
  ["what is said about an entry", "tenant=a%20b;ttl=7;note", { tenant: "a b" }],
  ["a value that is too long", `tenant=${"%C3%BC".repeat(129)},plan=${"x".repeat(256)}`, { plan: "x".repeat(256) }],
  ["a value that is no UTF-8", "tenant=%E2%82,plan=pro", { plan: "pro" }],
  ["a value that breaks lines", "tenant=acme%0Aplan,plan=pro", { plan: "pro" }],
  ["a value that breaks lines for some", "tenant=a%E2%80%A8b,tenant=a%E2%80%A9b,plan=pro", { plan: "pro" }],
  ["all but the last of a key", "tenant=acme,tenant=other", { tenant: "other" }],
  ["what is malformed", 'tenant="acme",plan=a b, ,=,plan,caf\u00e9=1,plan=\u00e9', undefined],
  ["an empty header", "", undefined],
])("%s is left out", (_what, header, expected) => {
  using _ = carryBaggage(["tenant", "plan"]);
  expect(readBaggage(header)).toEqual(expected);
});

test("a process that was told no keys takes nothing in, until it is and when it is no more", () => {
  expect(readBaggage("tenant=acme")).toBeUndefined();
  {
    using _ = carryBaggage(["tenant"]);
    expect(readBaggage("tenant=acme")).toEqual({ tenant: "acme" });
  }
  expect(readBaggage("tenant=acme")).toBeUndefined();
});

test("a process that was told what it carries is not told otherwise by accident", () => {
  using _ = carryBaggage([]);
  expect(() => carryBaggage(["tenant"])).toThrow("has been told what baggage it carries already");
  expect(readBaggage("tenant=acme")).toBeUndefined();
});

test("what a message brings goes on as far as it is on the list, and stays as it came where it came", () => {
  using _ = carryBaggage(["tenant"]);
  const received = parseEnvelope(serializeEnvelope({ ...createEnvelope(message, origin), baggage: both }));
  expect(received.baggage).toEqual(both);
  const { id, correlationId } = received;
  runCausedBy(received, () => {
    expect(currentCause()).toEqual({ id, correlationId, baggage: { tenant: "acme" } });
    expect(createEnvelope(message, origin)).toMatchObject({ causationId: id, baggage: { tenant: "acme" } });
  });
  expect(JSON.parse(serializeEnvelope(received))).toMatchObject({ baggage: both });
});

test("a message of which nothing is carried on says nothing of it", () => {
  const told = runCausedBy({ correlationId: "c-1", baggage: both }, () => createEnvelope(message, origin));
  expect(told).not.toHaveProperty("baggage");
});

test("a span shows what is carried, under names that are nobody else's", () => {
  using _ = carryBaggage(["tenant", "error.type"]);
  expect(baggageAttributes({ ...both, "error.type": "none" })).toEqual({
    "baggage.tenant": "acme",
    "baggage.error.type": "none",
  });
  expect(baggageAttributes(undefined)).toEqual({});
});

test.each([
  [["tenant", "plan-2", "a.b", "__"], true],
  [["two words"], false],
  [["tenant=acme"], false],
  [[""], false],
  [["caf\u00e9"], false],
  [["x".repeat(65)], false],
  [Array.from({ length: 17 }, (_, number) => `k${number}`), false],
])("that %j may be carried is %s", (keys, expected) => {
  expect(areBaggageKeys(keys)).toBe(expected);
});
