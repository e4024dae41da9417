import { expectedOutcome } from "./as-planned.ts";
import { count, type Evidence, type Finding, type Offender, sum } from "./finding.ts";
import { balances } from "./ledger.ts";
import type { EventRow } from "./records.ts";

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

/** I8: every CD that was counted in is on hand or shipped, none is held for nobody, and none was ever promised twice. */
export function stockConserved({ plan, placed, records }: Evidence): Finding {
  const meant = placed.filter((order) => expectedOutcome(order) === "completed");
  const seeded = sum(plan.stock.values());
  const toShip = sum(meant.map(({ planned }) => planned.cds));
  const histories = [...plan.stock.keys()].map((sku) => ({
    sku,
    ...replayStock(records.streams.get(`stock-${sku}`) ?? []),
  }));
  const rows = [...records.stock.values()];
  const shipped = sum(histories.map((history) => history.shipped));
  const say = (onHand: number, sent: number, reserved: number, ordered: number) =>
    `${count(onHand)} on hand + ${count(sent)} shipped, ${count(reserved)} reserved; ${count(ordered)} CDs ordered`;
  return {
    id: "I8",
    says: "stock: on hand + shipped = counted in, never < 0",
    expected: say(seeded - toShip, toShip, 0, sum(placed.map(({ planned }) => planned.cds))),
    found: say(
      sum(rows.map(({ onHand }) => onHand)),
      shipped,
      sum(rows.map(({ reserved }) => reserved)),
      sum([...records.facts.values()].map(({ pieces }) => pieces ?? 0)),
    ),
    offenders: histories.flatMap(({ sku, shipped: out, lowest }) => {
      const { onHand = 0, reserved = 0 } = records.stock.get(sku) ?? {};
      const counted = plan.stock.get(sku) ?? 0;
      return faultsOf({ sku, onHand, reserved, counted, out, lowest });
    }),
  };
}

type Sku = Readonly<Record<"onHand" | "reserved" | "counted" | "out" | "lowest", number>> & { readonly sku: string };

function faultsOf({ sku, onHand, reserved, counted, out, lowest }: Sku): Offender[] {
  const faults = [
    ...(onHand + out === counted ? [] : [`${onHand} on hand and ${out} shipped of ${counted}`]),
    ...(reserved === 0 ? [] : [`${reserved} still reserved`]),
    ...(lowest >= 0 ? [] : [`${-lowest} were promised that were not there`]),
  ];
  return faults.map((fault) => ({ id: sku, fault }));
}

/** What a SKU's events say: how much was shipped, and the least that was ever free to be promised. */
function replayStock(events: readonly EventRow[]): { readonly shipped: number; readonly lowest: number } {
  let [onHand, reserved, shipped, lowest] = [0, 0, 0, 0];
  for (const { type, quantity, onHand: counted } of events) {
    const pieces = quantity ?? 0;
    if (type === "counted") onHand = counted ?? 0;
    if (type === "reserved") reserved += pieces;
    else if (type !== "counted") reserved -= pieces;
    if (type === "shipped") [onHand, shipped] = [onHand - pieces, shipped + pieces];
    lowest = Math.min(lowest, onHand - reserved);
  }
  return { shipped, lowest };
}
