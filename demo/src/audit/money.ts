import { expectedOutcome } from "./as-planned.ts";
import { count, type Evidence, type Finding, sum } from "./finding.ts";
import { balances } from "./ledger.ts";

/** I8: what customers were charged is what their completed orders cost, in every book. */
export function moneyConserved({ placed, records, ledger }: Evidence): Finding {
  const orders = [...records.orders.values()];
  const facts = [...records.facts.values()];
  const balance = balances(ledger);
  const isDone = (id: string) => records.orders.get(id)?.status === "completed";
  const meant = placed.filter((order) => expectedOutcome(order) === "completed");
  const done = (values: readonly { readonly status: string; readonly totalInCents: number }[], status: string) =>
    sum(values.filter((order) => order.status === status).map(({ totalInCents }) => totalInCents));
  const expected = {
    placed: sum(placed.map(({ planned }) => planned.totalInCents)),
    completed: sum(meant.map(({ planned }) => planned.totalInCents)),
  };
  const found = {
    placed: sum(facts.map(({ totalInCents }) => totalInCents ?? 0)),
    completed: done(orders, "completed"),
    cancelled: done(orders, "cancelled"),
    charged: sum(balance.values()),
    billed: sum([...records.payments.values()].map((row) => (row.status === "charged" ? (row.amountInCents ?? 0) : 0))),
    revenue: sum(facts.map((row) => (row.known.includes("completed_at") ? (row.totalInCents ?? 0) : 0))),
    received: sum(facts.map((row) => (row.chargedInCents ?? 0) - (row.refundedInCents ?? 0))),
  };
  const { placed: all, completed } = expected;
  return {
    id: "I8",
    says: "money: charges − refunds = completed = revenue",
    expected: sentence({
      placed: all,
      completed,
      cancelled: all - completed,
      charged: completed,
      billed: completed,
      revenue: completed,
      received: completed,
    }),
    found: sentence(found),
    offenders: orders.flatMap(({ id, totalInCents }) => {
      const owed = isDone(id) ? totalInCents : 0;
      const paid = balance.get(id) ?? 0;
      return paid === owed ? [] : [{ id, fault: `cost ${owed} cents and was charged ${paid}` }];
    }),
  };
}

type Money = Readonly<
  Record<"placed" | "completed" | "cancelled" | "charged" | "billed" | "revenue" | "received", number>
>;

function sentence({ placed, completed, cancelled, charged, billed, revenue, received }: Money): string {
  const books = [...new Set([charged, billed, revenue, received])].map(count).join(" / ");
  return `${count(placed)} cents = ${count(completed)} + ${count(cancelled)}; ${books} in every book`;
}
