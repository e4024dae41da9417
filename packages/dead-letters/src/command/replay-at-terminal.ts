import { showProgress } from "@throughline/terminal";
import type { Chosen } from "../choose.ts";
import { type Replayed, type ReplayOptions, replayMany } from "../replay-many.ts";
import { type Answer, notDoneLines } from "./look.ts";

type Options = Omit<ReplayOptions, "onProgress"> & { readonly isQuiet: boolean };

/** Sends letters again while a bar on stderr shows how far it is. */
export async function replayAtTerminal(
  all: readonly Chosen[],
  { isQuiet, ...options }: Options,
): Promise<Answer & { readonly done: Replayed }> {
  using progress = showProgress(all.length, { isQuiet });
  const done = await replayMany(all, { ...options, onProgress: ({ left }) => progress.advanceTo(all.length - left) });
  return { ...toAnswer(done), done };
}

function toAnswer(done: Replayed): Answer {
  const { sent, notOpen, failed, left } = done;
  const lines = [
    `${sent} sent again${notOpen > 0 ? `, ${notOpen} not open (settled, or in quarantine after three replays)` : ""}`,
    ...notDoneLines("sent", failed, left),
  ];
  return { text: lines.join("\n"), json: done };
}
