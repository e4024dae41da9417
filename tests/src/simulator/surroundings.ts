import type { KafkaRecord } from "../../../packages/transport/src/kafka/library.ts";
import { readNote } from "../../../packages/transport/src/kafka/note.ts";
import { headerOf } from "../../../packages/transport/src/kafka/records.ts";
import { wallMs } from "./clock.ts";
import type { Evidence } from "./evidence.ts";
import { createJournal, type Journal } from "./journal.ts";
import { type Cluster, createCluster, type Outcome } from "./kafka/cluster.ts";
import { watchLanes } from "./lane-watch.ts";
import { chaosMs, type Plan } from "./plan.ts";
import { createEngine } from "./postgres/engine.ts";
import type { Postgres } from "./postgres/pool.ts";
import { createSchema } from "./postgres/schema.ts";
import { consumers, leaseMs, type ServiceName } from "./service.ts";
import type { World } from "./world.ts";

/** The servers of one run, with somebody who writes down what they see. */
export function createSurroundings(world: World, plan: Plan): Evidence {
  const journal = createJournal();
  const cluster = createCluster(world);
  for (const type of consumers.flatMap(({ types }) => types)) {
    cluster.create(`sim.${type}`, 2);
    cluster.create(`sim.${type}.DLT`, 1);
  }
  cluster.fate = fateOf(world, plan, journal.refused);
  cluster.onTaken = (record) => void journal.taken.push({ record, id: idIn(record) });
  cluster.onMeet = (offsets) => {
    for (const { topic, partition, offset, metadata } of offsets) {
      const trying = readNote(offset, metadata)?.trying;
      const record = trying === undefined ? undefined : cluster.topics.get(topic)?.[partition]?.[Number(trying)];
      if (record) journal.suspected.set(idIn(record), (journal.suspected.get(idIn(record)) ?? 0) + 1);
    }
  };
  const databases = { order: createPostgres("order"), billing: createPostgres("billing") };
  return { plan, journal, cluster, databases };

  function createPostgres(service: ServiceName) {
    const name = `${service}-db`;
    const schema = createSchema();
    const lanes = watchLanes(journal, { schema, lanes: plan.lanes, leaseMs, now: () => world.now });
    const postgres: Postgres = {
      ...{ name, schema, engine: createEngine(name, world), clockMs: wallMs, downUntil: 0, unknownCommits: 0 },
      get breaks() {
        return world.now < chaosMs ? plan.breaks : 0;
      },
      onDone(seen, tx) {
        lanes.onDone(seen, tx);
        const { name: asked, values, rows } = seen;
        if (asked === "inbox-remember") journal.suppressed += (values[1] as string[]).length - rows.length;
      },
      onAnswer: lanes.onAnswer,
      onPublishing: lanes.onPublishing,
    };
    return postgres;
  }
}

function fateOf(world: World, { refusals, lossy }: Plan, refused: Journal["refused"]): Cluster["fate"] {
  return (topic: string, records: readonly KafkaRecord[]): Outcome => {
    const isRefused = (id: string) => (refused.get(id) ?? 0) < (refusals.get(id) ?? 0);
    const ids = topic.endsWith(".DLT") ? [] : records.map(idIn);
    if (ids.some(isRefused)) {
      const [id] = ids;
      if (id !== undefined && ids.length === 1) refused.set(id, (refused.get(id) ?? 0) + 1);
      return "refused";
    }
    if (world.now > chaosMs) return "taken";
    if (world.random.chance(lossy)) return "lost";
    return world.random.chance(lossy) ? "taken, and the answer lost" : "taken";
  };
}

function idIn(record: KafkaRecord): string {
  return headerOf(record, "id") ?? "";
}
