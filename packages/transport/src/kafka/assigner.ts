import { AssignerProtocol, type PartitionAssigner } from "kafkajs";

const { MemberMetadata, MemberAssignment } = AssignerProtocol;
const version = 0;
const userData = Buffer.alloc(0);

/**
 * Partition `n` of every topic goes to the same member, so that all messages of a key, whatever their type, meet in one
 * process. Members get only what they asked for: kafkajs's own assigner gives out the topics of the member that leads,
 * to everyone, so that during a deployment nobody would handle a type that only the new members know.
 */
export const assignByPartition: PartitionAssigner = ({ cluster }) => ({
  name: "by-partition",
  version,
  protocol({ topics }) {
    return { name: this.name, metadata: MemberMetadata.encode({ version, topics, userData }) };
  },
  async assign({ members }) {
    const asking = members
      .map(({ memberId, memberMetadata }) => ({
        memberId,
        topics: MemberMetadata.decode(memberMetadata)?.topics ?? [],
      }))
      .sort((one, other) => (one.memberId < other.memberId ? -1 : 1));
    await cluster.addMultipleTargetTopics([...new Set(asking.flatMap(({ topics }) => topics))]);
    return asking.map(({ memberId, topics }) => {
      const assignment = Object.fromEntries(topics.map((topic) => [topic, partitionsOf(memberId, topic)]));
      return { memberId, memberAssignment: MemberAssignment.encode({ version, assignment, userData }) };
    });

    function partitionsOf(memberId: string, topic: string): number[] {
      const candidates = asking.filter(({ topics }) => topics.includes(topic));
      const partitions = cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId);
      return partitions.filter((partition) => candidates[partition % candidates.length]?.memberId === memberId);
    }
  },
});
