import { expectedOutcome } from "./as-planned.ts";
import { count, type Evidence, type Finding, type Offender, sum } from "./finding.ts";
import type { EventRow } from "./records.ts";

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
