import type { World } from "../world.ts";

/** Why a member is not answered: it is to join again, and what it says of offsets counts no more. */
export type GroupError = "REBALANCE_IN_PROGRESS" | "ILLEGAL_GENERATION" | "UNKNOWN_MEMBER_ID";

export type Assigned = { readonly topic: string; readonly partition: number };
export type Joined = { readonly generation: number; readonly assigned: readonly Assigned[] };

/** Shares out the partitions of its topics; the leader, by the members that take part. */
export type Assign = (
  members: readonly { readonly memberId: string; readonly topics: readonly string[] }[],
) => Promise<ReadonlyMap<string, readonly Assigned[]>>;

type Member = {
  readonly id: string;
  readonly topics: readonly string[];
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
  readonly offsets: ReadonlyMap<string, string>;
  /** Calls back when all members have met. */
  join(member: Omit<Member, "seenAt" | "rejoin">, assign: Assign, joined: (joined: Joined) => void): void;
  leave(memberId: string): void;
  heartbeat(memberId: string, generation: number): GroupError | undefined;
  commit(memberId: string, generation: number, offsets: ReadonlyMap<string, string>): GroupError | undefined;
};

const rebalanceMs = 500;

export function createGroup(id: string, world: World): Group {
  const members = new Map<string, Member>();
  const offsets = new Map<string, string>();
  let generation = 0;
  let phase: "stable" | "joining" | "sharing" = "stable";
  let round = 0;
  let share: Assign | undefined;

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
    if (all.length === 0 || share === undefined) {
      phase = "stable";
      return;
    }
    phase = "sharing";
    generation += 1;
    const own = generation;
    void share(all.map(({ id: memberId, topics }) => ({ memberId, topics }))).then((shares) => {
      if (phase !== "sharing" || own !== generation) return;
      phase = "stable";
      world.note(() => `kafka      ${id} is in generation ${own} with ${all.map((member) => member.id).join(", ")}`);
      for (const member of all) {
        member.rejoin?.({ generation: own, assigned: shares.get(member.id) ?? [] });
        member.rejoin = undefined;
        member.seenAt = world.now;
      }
    });
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
    join(joining, assign, joined) {
      const known = members.get(joining.id);
      const member: Member = known ?? { ...joining, seenAt: world.now, rejoin: undefined };
      members.set(member.id, member);
      member.rejoin = joined;
      share = assign;
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
      if (fault === undefined) for (const [place, offset] of given) offsets.set(place, offset);
      return fault;
    },
  };
}
