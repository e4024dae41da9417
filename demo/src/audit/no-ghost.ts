import { count, type Evidence, type Finding } from "./finding.ts";

/** I2: nothing was seen on a broker, or handled by anyone, that no service has committed. */
export function noGhost({ window, records, sightings }: Evidence): Finding {
  const isOfNow = (id: string) => id >= window.firstId;
  const isGhost = (id: string) => isOfNow(id) && !records.committed.has(id);
  const seen = sightings.filter(({ id }) => isGhost(id));
  const handled = [...records.handled].flatMap(([group, ids]) => [...ids].filter(isGhost).map((id) => ({ id, group })));
  return {
    id: "I2",
    says: "nothing uncommitted was ever published or handled",
    expected: "0 ghosts",
    found: `${count(new Set([...seen, ...handled].map(({ id }) => id)).size)} ghosts`,
    offenders: [
      ...seen.map(({ id, type, road, source }) => ({
        id,
        fault: `${type} was seen on ${road}, not committed by ${source}`,
      })),
      ...handled.map(({ id, group }) => ({ id, fault: `was handled by ${group}, and is in no outbox` })),
    ],
  };
}
