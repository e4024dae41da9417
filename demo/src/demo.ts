import { countDeadLetters } from "./audit/dead-letters.ts";
import { type Finding, roadsById } from "./audit/finding.ts";
import { judge } from "./audit/judge.ts";
import { readLedger } from "./audit/ledger.ts";
import { readRecords } from "./audit/records.ts";
import { openWindow } from "./audit/window.ts";
import { openDatabases } from "./databases.ts";
import { getJson } from "./http.ts";
import { type Plan, planOrders } from "./plan.ts";
import type { Progress } from "./progress.ts";
import type { Purchase } from "./purchases.ts";
import { type Replay, replay } from "./replay.ts";
import { settle } from "./settle.ts";
import { type Roads, readRoads, requireReady, type Surroundings } from "./surroundings.ts";
import { openTaps } from "./taps.ts";

export type DemoOptions = {
  /** In front of every name of this run; new for each. */
  readonly runId: string;
  /** No declines, sold-out stock, repeats or cancellations. */
  readonly isPlain: boolean;
  readonly signal: AbortSignal;
  readonly progress: Progress;
};

export type Outcome = {
  readonly plan: Plan;
  readonly replay: Replay;
  readonly roads: Roads;
  /** Messages that a broker showed the tap more than once. */
  readonly republished: number;
  /** What still waited when nothing moved any more; empty where all settled. */
  readonly waiting: readonly string[];
  /** From the first request to the last effect. */
  readonly settleMs: number;
  readonly findings: readonly Finding[];
};

/** The main job from start to end: taps, orders, waiting, audit. Leaves nothing behind but the orders. */
export async function runDemo(
  surroundings: Surroundings,
  purchases: readonly Purchase[],
  { runId, isPlain, signal, progress }: DemoOptions,
): Promise<Outcome> {
  await requireReady(surroundings);
  const roads = await readRoads(surroundings);
  await using databases = openDatabases(surroundings.databases);
  await using taps = await openTaps(surroundings.brokers, roads, runId);
  await using _declines = await setDeclines(surroundings, !isPlain);
  const before = await countDeadLetters(databases, taps.transports, roads);
  const window = await openWindow(databases, runId);
  const plan = planOrders(purchases, { runId, isPlain });

  progress.start("placed", plan.orders.length);
  const replayed = await replay(surroundings, plan, { signal, onPlaced: progress.add });
  progress.start("settled", plan.orders.length);
  const orderIds = new Set(replayed.placed.map(({ orderId }) => orderId));
  const onEnded = progress.set;
  const { waiting, endedAt } = await settle({ databases, window, orderIds, taps, roads, signal, onEnded });
  progress.stop();

  const { sightings } = taps;
  const findings = judge({
    ...{ window, plan, roads, sightings, placed: replayed.placed, seenOn: roadsById(sightings) },
    records: await readRecords(databases, window),
    ledger: await readLedger(surroundings.paymentProvider, orderIds),
    deadLetters: { before, after: await countDeadLetters(databases, taps.transports, roads) },
  });
  const republished = sightings.length - new Set(sightings.map(({ road, id }) => `${road} ${id}`)).size;
  const settleMs = endedAt - replayed.startedAt;
  return { plan, replay: replayed, roads, republished, waiting, settleMs, findings };
}

/** Some real prices end in 13 cents, which the payment provider declines: it is told not to, for the time of the run. */
async function setDeclines({ paymentProvider }: Surroundings, declines: boolean): Promise<AsyncDisposable> {
  const tell = async (body: object) => {
    await getJson(`${paymentProvider}/behaviour`, { method: "PUT", body });
  };
  if (!declines) await tell({ declines });
  return {
    async [Symbol.asyncDispose]() {
      if (!declines) await tell({});
    },
  };
}
