import { expect, test } from "vitest";
import type { Finding } from "./audit/finding.ts";
import type { Outcome } from "./demo.ts";
import { planOrders } from "./plan.ts";
import { isGood, toJson } from "./summary.ts";
import { toText } from "./table.ts";

const held: Finding = { id: "I1", says: "nothing is lost", expected: "3", found: "3", offenders: [] };
const offenders = Array.from({ length: 12 }, (_, index) => ({ id: `o-${index + 1}`, fault: "is gone" }));
const outcome: Outcome = {
  plan: planOrders([{ line: 1, customer: "0001", date: "19970101", cds: 2, amountInCents: 2_933 }], {
    runId: "r1",
    isPlain: true,
  }),
  replay: { placed: [], postMs: [3, 1, 2], startedAt: 0 },
  roads: [{ road: "sns-sqs", service: "order", types: ["order.created"] }],
  republished: 0,
  waiting: [],
  settleMs: 500,
  findings: [held],
};

test("a good run says so, and what it could not listen to", () => {
  const text = toText(outcome, false);
  expect(text).toContain("Nothing was lost and nothing happened twice.");
  expect(text).toContain("Not tapped, because nothing leaves by it: kafka, rabbitmq.");
  expect(text).not.toContain("\u001b");
  expect(isGood(outcome)).toBe(true);
});

test("of what breaks an invariant the first ten are told", () => {
  const text = toText({ ...outcome, findings: [{ ...held, offenders }] }, false);
  expect(text).toContain("I1 is broken: nothing is lost.");
  expect(text).toContain("  o-10: is gone\n  … and 2 more");
  expect(text).toContain("Something is wrong");
});

test("a run that did not settle is not good, whatever its table says", () => {
  const unsettled = { ...outcome, waiting: ["order o-1 is still placed"] };
  expect(isGood(unsettled)).toBe(false);
  expect(toText(unsettled, false)).toContain("Not everything settled. Still waiting:\n  order o-1 is still placed");
});

test("a program gets the same verdict and figures", () => {
  const json = toJson({ ...outcome, findings: [{ ...held, found: "2", offenders }] });
  expect(json).toMatchObject({ verdict: "bad", orders: 1, cds: 2, cents: 2_933, ordersPerSecond: 2 });
  expect(json.postMs).toEqual({ p50: 2, p99: 3 });
  expect(json.invariants[0]).toMatchObject({ id: "I1", holds: false, offenderCount: 12 });
});
