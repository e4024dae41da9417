import { setTimeout as delay } from "node:timers/promises";
import { type Chosen, type NotDone, notDone } from "./choose.ts";
import type { Act } from "./desk.ts";
import { replayLetter } from "./replay.ts";

export type ReplayOptions = Act & {
  /** Letters per second. */
  readonly rate: number;
  /** Stops it between two letters. */
  readonly signal: AbortSignal;
  /** Told after each letter. */
  readonly onProgress: (done: Replayed) => void;
};

/** What came of it; `left` were not reached, because a person stopped it. */
export type Replayed = {
  readonly sent: number;
  readonly notOpen: number;
  readonly failed: readonly NotDone[];
  readonly left: number;
};

/** Sends letters again one by one. Each is its own transaction, so that stopping anywhere leaves nothing half done. */
export async function replayMany(all: readonly Chosen[], options: ReplayOptions): Promise<Replayed> {
  const { rate, signal, onProgress, ...act } = options;
  let done: Replayed = { sent: 0, notOpen: 0, failed: [], left: all.length };
  for (const chosen of all) {
    if (signal.aborted) break;
    const startedAt = performance.now();
    done = { ...add(done, await tryReplay(chosen, act)), left: done.left - 1 };
    onProgress(done);
    const restMs = 1_000 / rate - (performance.now() - startedAt);
    if (done.left > 0 && restMs > 0) await delay(restMs, undefined, { signal }).catch(() => undefined);
  }
  return done;
}

type Outcome = "sent" | "notOpen" | NotDone;

async function tryReplay(chosen: Chosen, act: Act): Promise<Outcome> {
  try {
    return (await replayLetter(chosen.desk, chosen.number, act)) ? "sent" : "notOpen";
  } catch (error) {
    return notDone(chosen, error);
  }
}

function add(done: Replayed, outcome: Outcome): Replayed {
  if (typeof outcome !== "string") return { ...done, failed: [...done.failed, outcome] };
  return { ...done, [outcome]: done[outcome] + 1 };
}
