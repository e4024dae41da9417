import { setTimeout as delay } from "node:timers/promises";
import { type Place, type Preview, previewReplay, type Replay, replay } from "@throughline/outbox/operation";
import { showProgress, when } from "@throughline/terminal";
import type { Answer } from "./answer.ts";
import type { Chosen } from "./choose.ts";
import { isConfirmed } from "./confirm.ts";

export type ReplayOptions = {
  readonly from: Place;
  readonly by: string;
  /** Nobody is to be asked. */
  readonly isSure: boolean;
  readonly isQuiet: boolean;
  readonly interrupted: AbortSignal;
};

/** What became of a replay: `waiting` where no relay has it in hand, `left` where the person left before the end. */
type Course = "caught up" | "waiting" | "left";

/** Longer than the lease of a relay that died, in milliseconds. */
const patienceMs = 15_000;

/** Says what would be sent again, asks, moves the cursor back, and looks on until the relay has caught up. */
export async function sendAgain(chosen: Chosen, options: ReplayOptions): Promise<Answer> {
  const { service, database, state } = chosen;
  const { destination } = state;
  const preview = await previewReplay(database, destination, options.from);
  const json = { service, destination, ...preview };
  const words = toWords(preview, destination);
  if (preview.messages === 0) return { text: words, json: { ...json, course: "nothing to send" } };
  if (!options.isSure && !options.isQuiet) console.error(words);
  if (
    !options.isSure &&
    !(await isConfirmed(`Send them from ${service} to ${destination} again?`, options.interrupted))
  ) {
    return { text: "Nothing was sent: --yes confirms.", json: { ...json, course: "not confirmed" }, isDone: false };
  }
  const begun = await replay(database, destination, preview.from, options.by);
  const course = await follow(begun, { messages: preview.messages, patienceMs, ...options });
  const text = options.isSure ? `${words}\n${endings[course]}` : endings[course];
  return { text, json: { ...json, course }, isDone: course === "caught up" };
}

const endings: Readonly<Record<Course, string>> = {
  "caught up": "They were sent again.",
  waiting: "The cursor is back, and no relay has it in hand: they leave when one starts.",
  left: "The cursor is back: the relay goes on by itself.",
};

/** Until the relay has caught up, nobody has it in hand for `patienceMs`, or the person leaves. */
export async function follow(
  { total, progress }: Replay,
  {
    messages,
    patienceMs: withoutRelayMs,
    isQuiet,
    interrupted,
  }: Pick<ReplayOptions, "isQuiet" | "interrupted"> & { readonly messages: number; readonly patienceMs: number },
): Promise<Course> {
  using bar = showProgress(messages, { isQuiet });
  for (let heldAt = performance.now(); !interrupted.aborted; ) {
    const { done, isHeld } = await progress();
    bar.advanceTo(Math.round((messages * done) / total));
    if (done >= total) return "caught up";
    if (isHeld) heldAt = performance.now();
    else if (performance.now() - heldAt >= withoutRelayMs) return "waiting";
    await delay(200, undefined, { signal: interrupted }).catch(() => undefined);
  }
  return "left";
}

function toWords({ messages, types, period, keptSince }: Preview, destination: string): string {
  const cut = keptSince === undefined ? [] : [`What was written before ${when(keptSince)} UTC is no longer kept.`];
  if (period === undefined) return ["Nothing was sent since then.", ...cut].join("\n");
  return [
    `${messages} messages, written from ${when(period.from)} to ${when(period.to)} UTC, have gone to ${destination}:`,
    ...types.map(({ type, messages: count }) => `  ${String(count).padStart(9)}  ${type}`),
    ...cut,
  ].join("\n");
}
