import { count, type Evidence, type Finding, sum } from "./finding.ts";
import { deliveriesOf, isHandled } from "./messages.ts";

/** I9: every delivery ended in exactly one of an effect or a dead letter; of a run without poison, none in the latter. */
export function contained({ records, deadLetters }: Evidence): Finding {
  const deliveries = deliveriesOf(records.messages);
  const effects = deliveries.filter((delivery) => isHandled(records.handled, delivery)).length;
  const added = [...deadLetters.after].map(([id, after]) => ({ id, added: after - (deadLetters.before.get(id) ?? 0) }));
  return {
    id: "I9",
    says: "each delivery is an effect or a dead letter",
    expected: `${count(deliveries.length)} = ${count(deliveries.length)} + 0 dead letters`,
    found: `${count(deliveries.length)} = ${count(effects)} + ${count(sum(added.map((each) => each.added)))} dead letters`,
    offenders: [
      ...added.flatMap((each) => (each.added === 0 ? [] : [{ id: each.id, fault: `${each.added} were set aside` }])),
      ...records.unpublishable.map(({ id, where }) => ({ id, fault: where })),
    ],
  };
}
