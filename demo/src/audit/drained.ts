import { count, type Evidence, type Finding, lastSeen, type Offender } from "./finding.ts";

/** I13: every relay is past the last row of this run, and a broker showed every row that a relay passed. */
export function drained(evidence: Evidence): Finding {
  const { records, roads, seenOn } = evidence;
  const publications = records.messages.flatMap((message) =>
    roads
      .filter(({ service, types }) => service === message.service && types.includes(message.type))
      .map(({ road }) => ({ message, road })),
  );
  const unseen = publications.filter(({ message, road }) => !seenOn.get(message.id)?.has(road));
  return {
    id: "I13",
    says: "outboxes drained, every row seen on its broker",
    expected: `${count(publications.length)} publications`,
    found: `${count(publications.length - unseen.length)} publications`,
    offenders: [
      ...behind(evidence),
      ...unseen.map(({ message, road }) => ({
        id: message.id,
        fault: `${message.type} was not seen on ${road}; ${lastSeen(message, evidence)}`,
      })),
    ],
  };
}

function behind({ records, roads }: Evidence): Offender[] {
  return roads.flatMap(({ service, road }) => {
    const last = records.messages.findLast((message) => message.service === service)?.position ?? 0;
    const cursor = records.cursors.find((each) => each.service === service && each.destination === road)?.position ?? 0;
    if (cursor >= last) return [];
    return [{ id: `${service} to ${road}`, fault: `the relay is at ${cursor} of ${last}` }];
  });
}
