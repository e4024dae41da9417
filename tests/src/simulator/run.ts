import { resetCursor } from "@throughline/log";
import { outboxLog } from "@throughline/outbox";
import { enterWorld } from "./clock.ts";
import { type Evidence, isSettled } from "./evidence.ts";
import { type Berth, openBerth, strike } from "./fleet.ts";
import { enterCluster } from "./kafka/library.ts";
import { chaosMs, type Fault, type PlannedOrder, planRun } from "./plan.ts";
import { openDatabase, type ServiceName, startService } from "./service.ts";
import { createSurroundings } from "./surroundings.ts";
import { judge, type Violation } from "./verdict.ts";
import { actors, createWorld, type World } from "./world.ts";

/** What one seed came to. */
export type Result = {
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** What must happen sometimes, or a run of many seeds proves nothing. */
  readonly sometimes: Readonly<Record<string, number>>;
  readonly steps: number;
  readonly fingerprint: number;
};

/** When a run is given up: what is not settled by then never will be. */
const patienceMs = 60_000;
/** How long all must be quiet before it counts as settled. */
const quietMs = 60;

/** Runs one seed in this thread, which must have its stand-ins. */
export async function runSeed(seed: number, trace?: (line: string) => void): Promise<Result> {
  const plan = planRun(seed);
  const world = createWorld(seed, trace);
  const evidence = createSurroundings(world, plan);
  enterWorld(world);
  enterCluster(world, evidence.cluster);
  const berths = openFleet(world, evidence);
  for (const fault of plan.faults) {
    world.later(
      fault.atMs,
      undefined,
      () => `the adversary sends ${fault.kind}`,
      () => {
        const berth = "actor" in fault ? berths[fault.actor] : undefined;
        if (berth === undefined) breakServer(fault, evidence, world);
        else strike(berth, fault, world);
      },
    );
  }
  for (const order of plan.orders) sendOrder(order, berths, world);
  await settle(world, evidence);
  if (plan.isReplayed) {
    await replay(world, evidence);
    await settle(world, evidence);
  }
  evidence.journal.crashes = berths.reduce((sum, berth) => sum + berth.crashes, 0);
  // What is left of them hears nothing of the next run.
  for (const { actor } of berths) actor.isAlive = false;
  const { violations, sometimes } = judge(evidence, world.now >= patienceMs);
  return { seed, violations, sometimes, steps: world.steps, fingerprint: world.fingerprint };
}

/** Two processes of each service. */
function openFleet(world: World, { plan, databases }: Evidence): Berth[] {
  const failures = new Map<string, number>();
  const start = (service: ServiceName) =>
    startService(service, { world, plan, failures, postgres: databases[service] });
  return (["order", "order", "billing", "billing"] as const).map((service, nth) =>
    openBerth(`${service}-${(nth % 2) + 1}`, service, { world, start }),
  );
}

/** A request of a client, who does not ask again where it fails. */
function sendOrder(order: PlannedOrder, berths: readonly Berth[], world: World): void {
  const send = () => {
    const berth = berths[Number(order.id.at(-1)) % 2];
    const service = berth?.running;
    if (berth === undefined || service === undefined || !berth.actor.isAlive) return;
    const refused = ({ message }: Error) => world.note(() => `           ${order.id} was not placed: ${message}`);
    void actors.run(berth.actor, () => service.place(order).catch(refused));
  };
  world.later(order.atMs, undefined, () => `a client sends ${order.id}`, send);
}

function breakServer(fault: Fault, { cluster, databases }: Evidence, world: World): void {
  const until = Math.min(world.now + fault.forMs, chaosMs);
  if (fault.kind === "kafka") cluster.downUntil = until;
  if (fault.kind === "postgres") databases["nth" in fault && fault.nth === 0 ? "order" : "billing"].downUntil = until;
}

/** Until nothing waits any more, and has not for a while. */
async function settle(world: World, evidence: Evidence): Promise<void> {
  let quietSince = Number.POSITIVE_INFINITY;
  let lookAt = 0;
  const beginsAt = world.now;
  await world.run(() => {
    if (world.now < lookAt) return false;
    lookAt = world.now + 20;
    const isQuiet = world.now > Math.max(chaosMs, beginsAt) && isSettled(evidence);
    quietSince = isQuiet ? Math.min(quietSince, world.now) : Number.POSITIVE_INFINITY;
    return world.now - quietSince >= quietMs || world.now >= patienceMs;
  });
}

/** Sends everything again, as a person does who moves the cursors back. */
async function replay(world: World, { databases }: Evidence): Promise<void> {
  world.note(() => "           EVERYTHING IS SENT AGAIN");
  let left = 2;
  for (const postgres of Object.values(databases)) {
    void resetCursor(openDatabase(world, postgres), outboxLog, "kafka", 0).then(() => {
      left -= 1;
    });
  }
  await world.run(() => left === 0);
}
