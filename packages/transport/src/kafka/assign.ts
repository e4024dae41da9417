type Asking = { readonly memberId: string; readonly topics: readonly string[] };

/** The name under which the members of a group agree on it. */
export const byPartition = "by-partition";

/**
 * Partition `n` of every topic goes to the same member, so that all messages of a key, whatever their type, meet in one
 * process. Members get only what they asked for: the libraries' own assigners give out the topics of the member that
 * leads, to everyone, so that during a deployment nobody would handle a type that only the new members know.
 */
export function assignByPartition(members: readonly Asking[], partitionsOf: (topic: string) => number) {
  const asking = members.toSorted((one, other) => (one.memberId < other.memberId ? -1 : 1));
  return asking.map(({ memberId, topics }) => ({
    memberId,
    assignment: Object.fromEntries(topics.map((topic) => [topic, partitionsFor(memberId, topic)])),
  }));

  function partitionsFor(memberId: string, topic: string): number[] {
    const candidates = asking.filter(({ topics }) => topics.includes(topic));
    const partitions = Array.from({ length: partitionsOf(topic) }, (_, partition) => partition);
    return partitions.filter((partition) => candidates[partition % candidates.length]?.memberId === memberId);
  }
}
