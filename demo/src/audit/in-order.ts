import { count, type Evidence, type Finding, type Offender } from "./finding.ts";

/** I5: each entity's events, and each source's messages about a key, are 1, 2, 3 … wherever order is kept. */
export function inOrder(evidence: Evidence): Finding {
  const { messages, streams } = evidence.records;
  const keys = new Set(messages.map(({ source, key }) => `${source} ${key}`));
  const offenders = [...brokenStreams(evidence), ...brokenSequences(evidence), ...overtaken(evidence)];
  const whole = `${count(streams.size)} streams, ${count(keys.size)} keys`;
  return {
    id: "I5",
    says: "versions and sequences are 1, 2, 3 … everywhere",
    expected: `${whole}, 0 out of order`,
    found: `${whole}, ${count(offenders.length)} out of order`,
    offenders,
  };
}

function brokenStreams({ records }: Evidence): Offender[] {
  return [...records.streams].flatMap(([id, events]) => {
    const versions = events.map(({ version }) => version);
    const last = records.streamVersions.get(id);
    if (isCounting(versions) && last === versions.length) return [];
    return [{ id, fault: `has versions ${versions.join(", ")} and says that the last one is ${last}` }];
  });
}

/** In the outbox and, all roads taken together, on the brokers. */
function brokenSequences({ records, sightings }: Evidence): Offender[] {
  const committed = Map.groupBy(records.messages, ({ source, key }) => `${source} ${key}`);
  const seen = Map.groupBy(sightings, ({ source, key }) => `${source} ${key}`);
  return [...committed].flatMap(([id, messages]) => {
    const sequences = messages.map(({ sequence }) => sequence);
    const onBrokers = [...new Set(seen.get(id)?.map(({ sequence }) => sequence))].sort((one, other) => one - other);
    if (!isCounting(sequences)) return [{ id, fault: `has the sequences ${sequences.join(", ")} in the outbox` }];
    if (onBrokers.length === sequences.length && isCounting(onBrokers)) return [];
    return [
      { id, fault: `has ${sequences.length} messages in the outbox; the brokers showed ${onBrokers.join(", ")}` },
    ];
  });
}

/** Kafka keeps the order of a key within a topic, and each type has a topic. */
function overtaken({ sightings }: Evidence): Offender[] {
  const seen = new Set<string>();
  const last = new Map<string, number>();
  const offenders: Offender[] = [];
  for (const { road, id, type, source, key, sequence } of sightings) {
    if (road !== "kafka" || seen.has(id)) continue;
    seen.add(id);
    const name = `${source} ${key} ${type}`;
    if (sequence < (last.get(name) ?? 0))
      offenders.push({ id, fault: `${name}: ${sequence} came after ${last.get(name)}` });
    last.set(name, sequence);
  }
  return offenders;
}

function isCounting(numbers: readonly number[]): boolean {
  return numbers.every((number, index) => number === index + 1);
}
