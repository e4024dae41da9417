import { stockReserved } from "@throughline/contracts";
import { createEnvelope, serializeEnvelope } from "@throughline/envelope";
import { expect, test } from "vitest";
import { pointOut } from "./pointed.ts";

test("of ten thousand faults the first hundred are pointed at, and the others counted", async () => {
  const { lines, more } = await pointOut(
    reserved(Array.from({ length: 10_000 }, () => ({ sku: "cd-1", quantity: 0 }))),
  );
  const marked = lines.flatMap(({ isFault }, at) => (isFault ? [at] : []));
  expect(marked).toHaveLength(100);
  expect(lines[(marked[0] ?? 0) - 1]?.text).toBe('        "quantity": 0');
  expect(lines.filter(({ text }) => text === '        "quantity": 0')).toHaveLength(10_000);
  expect(lines.findIndex(({ text }) => text.includes("quantity")) + 1).toBe(marked[0]);
  expect(more).toBe(9_900);
});

test("what is missing is pointed at where it should be, and what is wrong where it stands", async () => {
  const { lines, more } = await pointOut(reserved([{ sku: "cd-1" }, 7, { sku: "", quantity: 1 }]));
  const marked = lines.flatMap(({ text, isFault }, at) => (isFault ? [[lines[at - 1]?.text.trim(), text]] : []));
  expect(marked).toEqual([
    ['"sku": "cd-1"', expect.stringMatching(/^ {8}\^ quantity: /)],
    ["7,", expect.stringMatching(/^ {6}\^ Invalid input/)],
    ['"sku": "",', expect.stringMatching(/^ {8}\^ Too small/)],
  ]);
  expect(more).toBe(0);
});

function reserved(items: readonly unknown[]): Uint8Array {
  const message = { type: stockReserved.type, version: "1", key: "o-1", data: { orderId: "o-1", items } };
  return Buffer.from(serializeEnvelope(createEnvelope(message, { source: "inventory-service" })));
}
