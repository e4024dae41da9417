import type { CommittedOffset } from "../../../../packages/transport/src/kafka/library.ts";
import type { World } from "../world.ts";

/** Why a member is not answered: it is to join again, and what it says of offsets counts no more. */
export type GroupError = "REBALANCE_IN_PROGRESS" | "ILLEGAL_GENERATION" | "UNKNOWN_MEMBER_ID";

export type Assigned = { readonly topic: string; readonly partition: number };
export type Joined = { readonly generation: number; readonly assigned: readonly Assigned[] };

/** Shares out the partitions among the members. */
export type Share = (memberIds: readonly string[]) => readonly {
  readonly memberId: string;
  readonly assignment: Readonly<Record<string, readonly number[]>>;
}[];

type Member = {
  readonly id: string;
  readonly sessionMs: number;
  seenAt: number;
  rejoin: ((joined: Joined) => void) | undefined;
};

/** A consumer group, as its coordinator sees it. */
export type Group = {
  readonly generation: number;
  /** How often the partitions were shared out. */
  readonly rebalances: number;
  /** By topic and partition: where to go on. */
  readonly offsets: ReadonlyMap<string, CommittedOffset>;
  /** Calls back when all members have met. */
  join(member: Omit<Member, "seenAt" | "rejoin">, share: Share, joined: (joined: Joined) => void): void;
  leave(memberId: string): void;
  heartbeat(memberId: string, generation: number): GroupError | undefined;
  commit(memberId: string, generation: number, offsets: readonly CommittedOffset[]): GroupError | undefined;
};

const rebalanceMs = 500;

/** `onMeet` is told of the offsets from which the members go on. */
export function createGroup(id: string, world: World, onMeet: (offsets: readonly CommittedOffset[]) => void): Group {
  const members = new Map<string, Member>();
  const offsets = new Map<string, CommittedOffset>();
  let generation = 0;
  let phase: "stable" | "joining" | "sharing" = "stable";
  let round = 0;
  let shareOut: Share | undefined;

  function faultOf(memberId: string, ofGeneration: number): GroupError | undefined {
    const member = members.get(memberId);
    if (member === undefined) return "UNKNOWN_MEMBER_ID";
    return ofGeneration === generation ? undefined : "ILLEGAL_GENERATION";
  }

  function rebalance(): void {
    if (phase !== "joining") gather();
    meetIfComplete();
  }

  function gather(): void {
    phase = "joining";
    round += 1;
    const own = round;
    world.later(
      rebalanceMs,
      undefined,
      () => `group ${id} waits no longer`,
      () => {
        if (round !== own || phase !== "joining") return;
        for (const member of members.values()) if (member.rejoin === undefined) members.delete(member.id);
        meetIfComplete();
      },
    );
  }

  function meetIfComplete(): void {
    const all = [...members.values()];
    if (phase !== "joining" || all.some(({ rejoin }) => rejoin === undefined)) return;
    if (all.length === 0 || shareOut === undefined) {
      phase = "stable";
      return;
    }
    phase = "sharing";
    generation += 1;
    const own = generation;
    onMeet([...offsets.values()]);
    const shares = new Map(shareOut(all.map((member) => member.id)).map((one) => [one.memberId, one.assignment]));
    // The leader has the members, and the coordinator does not have the shares yet.
    world.later(
      world.random.between(0, 2),
      undefined,
      () => `group ${id} has its shares`,
      () => {
        if (phase !== "sharing" || own !== generation) return;
        phase = "stable";
        world.note(() => `kafka      ${id} is in generation ${own} with ${all.map((member) => member.id).join(", ")}`);
        for (const member of all) {
          member.rejoin?.({ generation: own, assigned: placesOf(shares.get(member.id) ?? {}) });
          member.rejoin = undefined;
          member.seenAt = world.now;
        }
      },
    );
  }

  function watch(member: Member): void {
    world.later(
      member.sessionMs / 2,
      undefined,
      () => `group ${id} looks for ${member.id}`,
      () => {
        if (members.get(member.id) !== member) return;
        const isSilent = member.rejoin === undefined && world.now - member.seenAt > member.sessionMs;
        if (!isSilent) return watch(member);
        members.delete(member.id);
        rebalance();
      },
    );
  }

  return {
    get generation() {
      return generation;
    },
    get rebalances() {
      return Math.max(0, generation - 1);
    },
    offsets,
    join(joining, share, joined) {
      const known = members.get(joining.id);
      const member: Member = known ?? { ...joining, seenAt: world.now, rejoin: undefined };
      members.set(member.id, member);
      member.rejoin = joined;
      shareOut = share;
      if (known === undefined) watch(member);
      if (phase === "sharing") phase = "stable";
      rebalance();
    },
    leave(memberId) {
      if (members.delete(memberId)) rebalance();
    },
    heartbeat(memberId, ofGeneration) {
      const fault = faultOf(memberId, ofGeneration);
      const member = members.get(memberId);
      if (member !== undefined) member.seenAt = world.now;
      return fault ?? (phase === "stable" ? undefined : "REBALANCE_IN_PROGRESS");
    },
    commit(memberId, ofGeneration, given) {
      const fault = faultOf(memberId, ofGeneration) ?? (phase === "sharing" ? "REBALANCE_IN_PROGRESS" : undefined);
      if (fault === undefined) for (const one of given) offsets.set(nameOf(one), one);
      return fault;
    },
  };
}

export function nameOf({ topic, partition }: Assigned): string {
  return `${topic}/${partition}`;
}

function placesOf(assignment: Readonly<Record<string, readonly number[]>>): Assigned[] {
  return Object.entries(assignment).flatMap(([topic, partitions]) =>
    partitions.map((partition) => ({ topic, partition })),
  );
}
