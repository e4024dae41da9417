import type { Ending } from "../plan.ts";
import type { PlacedOrder } from "../replay.ts";
import { count, type Evidence, type Finding } from "./finding.ts";
import type { OrderRow } from "./records.ts";

export const outcomes = ["completed", "declined", "sold out", "cancelled on request"] as const;

/** Every order ended as its role in the plan, and the answer to its cancellation, say. */
export function asPlanned({ placed, records }: Evidence): Finding {
  const ends = placed.map((order) => ({
    id: order.orderId,
    expected: expectedOutcome(order),
    found: outcomeOf(records.orders.get(order.orderId), order),
  }));
  return {
    id: "plan",
    says: "every order ended as it was meant to",
    expected: tally(ends.map(({ expected }) => expected)),
    found: tally(ends.map(({ found }) => found)),
    offenders: ends
      .filter(({ expected, found }) => expected !== found)
      .map(({ id, expected, found }) => ({ id, fault: `should have been ${expected} and is ${found}` })),
  };
}

/** An order that was completed before its cancellation came stays completed. */
export function expectedOutcome({ planned, cancellation }: PlacedOrder): Ending {
  return cancellation === 409 ? "completed" : planned.ending;
}

function outcomeOf(row: OrderRow | undefined, { cancellation }: PlacedOrder): string {
  if (!row) return "unknown";
  if (row.status !== "cancelled") return row.status;
  if (cancellation === 202) return "cancelled on request";
  if (row.stock === "rejected") return "sold out";
  return row.payment === "failed" ? "declined" : "cancelled for no reason of ours";
}

export function tally(found: readonly string[]): string {
  const others = [...new Set(found)].filter((outcome) => !outcomes.some((known) => known === outcome));
  const counts = [...outcomes, ...others].map((outcome) => ({
    outcome,
    orders: found.filter((each) => each === outcome).length,
  }));
  return counts
    .filter(({ orders }) => orders > 0)
    .map(({ outcome, orders }) => `${count(orders)} ${outcome}`)
    .join(", ");
}
