import { assignByPartition } from "../../../../packages/transport/src/kafka/assign.ts";
import type { Batch, CommittedOffset, Member, Membership } from "../../../../packages/transport/src/kafka/library.ts";
import { setTimeout as delay } from "../timers-promises.ts";
import { actors } from "../world.ts";
import { type Assigned, type GroupError, type Joined, nameOf } from "./group.ts";
import { connectionError, type Meeting, protocolError } from "./library.ts";

/** How long a fetch waits at the broker for messages. */
const fetchWaitMs = 250;
/** The pause before what went wrong, or came at the wrong time, is tried again. */
const againAfterMs = 100;
let members = 0;

/** Joins, fetches, hands over, and joins again when the group meets anew. */
export async function joinGroup({ world, cluster, ask }: Meeting, membership: Membership): Promise<Member> {
  const { groupId, topics, sessionTimeoutMs, onAssigned, onRebalance, onBatch, onCrash } = membership;
  const group = cluster.group(groupId);
  members += 1;
  const memberId = `${actors.getStore()?.name}#${members}`;
  const positions = new Map<string, bigint>();
  const paused = new Set<string>();
  let joined: Joined = { generation: 0, assigned: [] };
  /** That of the last batch: what was handled before the group met anew is not committed. */
  let generation = 0;
  let isRunning = true;
  await join();
  void consume();

  return {
    commit: (offsets) => tell(`commit ${textOf(offsets)}`, () => group.commit(memberId, generation, offsets)),
    pause: (topic, partition) => void paused.add(nameOf({ topic, partition })),
    resume: (topic, partition) => void paused.delete(nameOf({ topic, partition })),
    async leave() {
      isRunning = false;
      await ask<void>(
        () => `leave ${groupId}`,
        ({ resolve }) => resolve(group.leave(memberId)),
      );
    },
  };

  async function join(): Promise<void> {
    const share = (ids: readonly string[]) =>
      assignByPartition(
        ids.map((each) => ({ memberId: each, topics })),
        (topic) => cluster.topics.get(topic)?.length ?? 0,
      );
    joined = await ask<Joined>(
      () => `join ${groupId}`,
      ({ resolve }) => group.join({ id: memberId, sessionMs: sessionTimeoutMs }, share, resolve),
    );
    positions.clear();
    paused.clear();
    for (const place of joined.assigned) positions.set(nameOf(place), group.offsets.get(nameOf(place))?.offset ?? 0n);
    onAssigned();
  }

  async function consume(): Promise<void> {
    let beatAt = 0;
    while (isRunning) {
      try {
        const { generation: current } = joined;
        if (world.now >= beatAt) await tell("heartbeat", () => group.heartbeat(memberId, current));
        beatAt = Math.max(beatAt, world.now) + sessionTimeoutMs / 10;
        const fetched = await fetch();
        if (isRunning) await Promise.all(fetched.map(handOver));
      } catch (error) {
        if (isRunning) await recover(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  async function handOver(batch: Batch): Promise<void> {
    generation = joined.generation;
    const { isTaken, next } = onBatch(batch);
    const last = batch.messages.at(-1);
    if (isTaken && last !== undefined) positions.set(nameOf(batch), last.offset + 1n);
    if (!isTaken) await delay(againAfterMs);
    await next;
  }

  async function recover(error: Error): Promise<void> {
    if ("type" in error) {
      onRebalance();
      await joinWhenPossible();
    } else if (world.random.chance(0.3)) {
      isRunning = false;
      onCrash(error);
    } else await delay(againAfterMs);
  }

  async function joinWhenPossible(): Promise<void> {
    while (isRunning) {
      try {
        return await join();
      } catch {
        await delay(againAfterMs);
      }
    }
  }

  function fetch(): Promise<Batch[]> {
    const wanted = joined.assigned.filter((place) => !paused.has(nameOf(place)));
    const from = new Map(wanted.map((place) => [nameOf(place), Number(positions.get(nameOf(place)) ?? 0n)]));
    const look = () => wanted.flatMap((place) => read(place, from.get(nameOf(place)) ?? 0));
    return ask<Batch[]>(
      () => `fetch from ${[...from.keys()].join(", ")}`,
      ({ resolve, reject }) => {
        const found = look();
        if (found.length > 0) return resolve(found);
        let isAnswered = false;
        const answer = () => {
          if (isAnswered) return;
          isAnswered = true;
          waiting.act = undefined;
          if (cluster.isDown) reject(connectionError());
          else resolve(look());
        };
        cluster.onNews(answer);
        const waiting = world.later(fetchWaitMs, undefined, () => "a fetch waits no longer", answer);
        return undefined;
      },
    );
  }

  function read({ topic, partition }: Assigned, from: number): Batch[] {
    const messages = cluster.topics.get(topic)?.[partition]?.slice(from) ?? [];
    return messages.length === 0 ? [] : [{ topic, partition, messages }];
  }

  /** Says something to the coordinator, and throws what it holds against it. */
  function tell(what: string, say: () => GroupError | undefined): Promise<void> {
    return ask<void>(
      () => what,
      ({ resolve, reject }) => {
        const fault = say();
        if (fault === undefined) resolve();
        else reject(protocolError(fault));
      },
    );
  }
}

function textOf(offsets: readonly CommittedOffset[]): string {
  return offsets.map(({ offset, metadata, ...place }) => `${nameOf(place)} ${offset} ${metadata}`).join(", ");
}
