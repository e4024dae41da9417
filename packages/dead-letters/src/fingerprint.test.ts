import { expect, test } from "vitest";
import { fingerprintOf, normalise } from "./fingerprint.ts";

test.each([
  ["Order 17 is unknown", "Order # is unknown"],
  [
    "order.created 0199c9f1-7e8a-7cc0-8000-0123456789ab took longer than 30000 ms",
    "order.created # took longer than # ms",
  ],
  ["connect ECONNREFUSED 127.0.0.1:5432", "connect ECONNREFUSED #.#.#.#:#"],
  ["data.items.0.sku: expected string", "data.items.#.sku: expected string"],
  ["at 2026-11-23T10:00:00.000Z", "at #:#:#.#"],
  ["Not a message stock.reserved", "Not a message stock.reserved"],
  ["Größe2 passt nicht", "# passt nicht"],
])("%s is of the kind %s", (message, kind) => {
  expect(normalise(message)).toBe(kind);
});

test("another group, type, error or sentence is another kind", () => {
  const kind = { group: "billing", about: "order.created", error: { name: "Error", message: "no" } };
  const kinds = [
    kind,
    { ...kind, group: "inventory" },
    { ...kind, about: "order.cancelled" },
    { ...kind, error: { name: "TypeError", message: "no" } },
    { ...kind, error: { name: "Error", message: "yes" } },
  ];
  expect(new Set(kinds.map(fingerprintOf)).size).toBe(kinds.length);
  expect(fingerprintOf(kind)).toBe("4652ea88");
});
