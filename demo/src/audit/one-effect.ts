import { count, type Evidence, type Finding, type Offender } from "./finding.ts";
import type { EventRow } from "./records.ts";

/** I3: a message that came twice, a request that was sent twice, and a charge that was tried twice happened once. */
export function oneEffect(evidence: Evidence): Finding {
  const offenders = [
    ...doubledEvents(evidence),
    ...causeless(evidence),
    ...doubledMoney(evidence),
    ...doubledOrders(evidence),
  ];
  return {
    id: "I3",
    says: "no message, key or charge had two effects",
    expected: `${count(evidence.plan.orders.length)} orders, 0 doubles`,
    found: `${count(evidence.records.orders.size)} orders, ${count(offenders.length)} doubles`,
    offenders,
  };
}

function doubledEvents({ records }: Evidence): Offender[] {
  const caused = [...records.streams.values()].flat().filter(({ causationId }) => causationId !== null);
  const effects = Map.groupBy(caused, ({ causationId, streamId, type }) => `${causationId} ${streamId} ${type}`);
  return [...effects.values()].flatMap((events) => (events.length > 1 ? [toOffender(events)] : []));
}

function toOffender(events: readonly EventRow[]): Offender {
  const [{ streamId, type, causationId } = { streamId: "", type: "", causationId: "" }] = events;
  const versions = events.map(({ version }) => version).join(" and ");
  return { id: streamId, fault: `${type} happened at versions ${versions} because of the one message ${causationId}` };
}

/** What requests do has no message for a cause; of anything else, nobody could tell whether it happened twice. */
function causeless({ records }: Evidence): Offender[] {
  const byRequest = ["placed", "cancelled", "counted"];
  return [...records.streams.values()]
    .flat()
    .filter(({ type, causationId }) => causationId === null && !byRequest.includes(type))
    .map(({ streamId, version, type }) => ({
      id: streamId,
      fault: `event ${version}, ${type}, does not name its cause`,
    }));
}

function doubledMoney({ ledger }: Evidence): Offender[] {
  const entries = Map.groupBy(ledger, ({ kind, orderId }) => `${kind} ${orderId}`);
  return [...entries.values()].flatMap(([first, ...more]) =>
    first && more.length > 0
      ? [{ id: first.orderId, fault: `has ${more.length + 1} entries of kind ${first.kind}` }]
      : [],
  );
}

function doubledOrders({ placed, records }: Evidence): Offender[] {
  const answered = new Set(placed.map(({ orderId }) => orderId));
  return [
    ...placed
      .filter(({ answers }) => new Set(answers).size > 1)
      .map(({ orderId, answers }) => ({ id: orderId, fault: `one key was answered with ${answers.join(" and ")}` })),
    ...[...records.orders.keys()]
      .filter((id) => !answered.has(id))
      .map((id) => ({ id, fault: "is in the database, and no request was answered with it" })),
  ];
}
