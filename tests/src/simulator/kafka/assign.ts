import { AssignerProtocol, type PartitionAssigner } from "kafkajs";
import type { Cluster } from "./cluster.ts";
import type { Assign } from "./group.ts";

const { MemberMetadata, MemberAssignment } = AssignerProtocol;
const userData = Buffer.alloc(0);

/** The assigner that the service brought along shares out, as it does where its member leads a real group. */
export function assignBy(create: PartitionAssigner | undefined, groupId: string, { topics }: Cluster): Assign {
  const cluster = {
    addMultipleTargetTopics: async () => undefined,
    findTopicPartitionMetadata: (topic: string) => topics.get(topic)?.map((_, partitionId) => ({ partitionId })) ?? [],
  };
  const assigner = create?.({ cluster, groupId } as never);
  return async (asking) => {
    const members = asking.map((member) => ({
      memberId: member.memberId,
      memberMetadata: MemberMetadata.encode({ version: 0, topics: [...member.topics], userData }),
    }));
    const shares = (await assigner?.assign({ members, topics: [] })) ?? [];
    return new Map(shares.map(({ memberId, memberAssignment }) => [memberId, placesOf(memberAssignment)]));
  };
}

function placesOf(memberAssignment: Buffer) {
  const assignment = MemberAssignment.decode(memberAssignment)?.assignment ?? {};
  return Object.entries(assignment).flatMap(([topic, partitions]) =>
    partitions.map((partition) => ({ topic, partition })),
  );
}
