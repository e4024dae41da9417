import { messageOfEvent } from "../flow.ts";
import { hasEffect } from "./effects.ts";
import { count, type Evidence, type Finding, lastSeen, type Offender } from "./finding.ts";
import { deliveriesOf, isHandled } from "./messages.ts";

/** I1: what was committed was told, everyone whom it is bound to has handled it, and what it makes them do is done. */
export function noLoss(evidence: Evidence): Finding {
  const { records } = evidence;
  const deliveries = deliveriesOf(records.messages);
  const handled = deliveries.filter((delivery) => isHandled(records.handled, delivery));
  const unhandled = deliveries.filter((delivery) => !isHandled(records.handled, delivery));
  const without = handled.filter((delivery) => !hasEffect(delivery, records));
  return {
    id: "I1",
    says: "every message that was committed had its effect",
    expected: `${count(deliveries.length)} deliveries`,
    found: `${count(handled.length - without.length)} deliveries`,
    offenders: [
      ...untold(evidence),
      ...unhandled.map(({ message, group }) => ({
        id: message.id,
        fault: `${message.type} was not handled by ${group}; ${lastSeen(message, evidence)}`,
      })),
      ...without.map(({ message, group }) => ({
        id: message.id,
        fault: `${message.type} has no effect in ${group}; ${lastSeen(message, evidence)}`,
      })),
    ],
  };
}

/** What happened and has no message in the outbox; and what was answered 201 and is in no database. */
function untold({ placed, records }: Evidence): Offender[] {
  const told = new Set(records.messages.map(({ type, key }) => `${type} ${key}`));
  const events = [...records.streams.values()].flat().flatMap(({ streamId, type, version }) => {
    const dash = streamId.indexOf("-");
    const message = messageOfEvent[`${streamId.slice(0, dash)} ${type}`];
    if (message === undefined || told.has(`${message} ${streamId.slice(dash + 1)}`)) return [];
    return [{ id: streamId, fault: `event ${version}, ${type}, is committed and ${message} is in no outbox` }];
  });
  const reservations = [...records.reservations.values()].flatMap(({ id, status }) =>
    (messagesOfReservation[status] ?? [])
      .filter((message) => !told.has(`${message} ${id}`))
      .map((message) => ({ id, fault: `the reservation is ${status} and ${message} is in no outbox` })),
  );
  const orders = placed
    .filter(({ orderId }) => !records.orders.has(orderId))
    .map(({ orderId }) => ({ id: orderId, fault: "the order was answered 201 and is in no database" }));
  return [...orders, ...events, ...reservations];
}

const messagesOfReservation: { readonly [status: string]: readonly string[] } = {
  reserved: ["stock.reserved"],
  shipped: ["stock.reserved"],
  released: ["stock.reserved", "stock.released"],
  rejected: ["stock.rejected"],
};
