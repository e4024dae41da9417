import { setTimeout as delay } from "node:timers/promises";
import { short, showProgress } from "@throughline/terminal";
import type { Act } from "../desk.ts";
import { replayLetter } from "../replay.ts";
import type { Chosen } from "./choose.ts";
import type { Answer } from "./look.ts";

export type ReplayOptions = Act & {
  /** Letters per second. */
  readonly rate: number;
  readonly signal: AbortSignal;
  readonly isQuiet: boolean;
};

/** What came of it; `left` were not reached, because a person stopped it. */
export type Replayed = { sent: number; notOpen: number; failed: { letter: string; reason: string }[]; left: number };

/** Sends letters again one by one. Each is its own transaction, so that stopping anywhere leaves nothing half done. */
export async function replayMany(all: readonly Chosen[], options: ReplayOptions): Promise<Replayed> {
  const { rate, signal, isQuiet, ...act } = options;
  const done: Replayed = { sent: 0, notOpen: 0, failed: [], left: all.length };
  using progress = showProgress(all.length, { isQuiet });
  for (const { desk, number } of all) {
    if (signal.aborted) break;
    const startedAt = performance.now();
    try {
      if (await replayLetter(desk, number, act)) done.sent += 1;
      else done.notOpen += 1;
    } catch (error) {
      done.failed.push({
        letter: `${desk.service}-${number}`,
        reason: error instanceof Error ? error.message : String(error),
      });
    }
    done.left -= 1;
    progress.advanceTo(all.length - done.left);
    const restMs = 1_000 / rate - (performance.now() - startedAt);
    if (done.left > 0 && restMs > 0) await delay(restMs, undefined, { signal }).catch(() => undefined);
  }
  return done;
}

export function toAnswer(done: Replayed): Answer {
  const { sent, notOpen, failed, left } = done;
  const lines = [
    `${sent} sent again${notOpen > 0 ? `, ${notOpen} not open (settled, or in quarantine after three replays)` : ""}`,
    ...failed.slice(0, 20).map(({ letter, reason }) => `${letter} could not be sent: ${short(reason, 200)}`),
    ...(left > 0 ? [`${left} are left: the same command goes on with them`] : []),
  ];
  return { text: lines.join("\n"), json: done };
}
