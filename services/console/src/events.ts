import { runUnsampled } from "@throughline/service";
import type { Response } from "express";
import { watchingOf } from "./visitors.ts";

export type Told = {
  readonly data: unknown;
  /** Whether nothing will be told after it. Default: false. */
  readonly isLast?: boolean;
};

/**
 * Server-sent events: what is read each second, where it is not what was sent last. They end with the last, with the
 * watcher or the watcher's token, and with the console. No trace is kept of the reading, which would crowd out all others.
 */
export async function sendEvents(response: Response, read: () => Promise<Told>): Promise<void> {
  const { stopping, admitAgain } = watchingOf(response);
  response.set({ "content-type": "text/event-stream", "cache-control": "no-store" });
  let timer: NodeJS.Timeout | undefined;
  let sent = "";
  // Who does not read any more is not waited for.
  const end = () => void (response.writableNeedDrain ? response.destroy() : response.end());
  const send = async () => {
    // Asked anew each time: who watches sees no more than the token is good for.
    await admitAgain();
    const { data, isLast = false } = await runUnsampled(read);
    if (response.writableEnded || response.closed) return;
    const event = `data: ${JSON.stringify(data)}\n\n`;
    if (!response.writableNeedDrain) {
      response.write(event === sent ? ":\n\n" : event);
      sent = event;
    }
    if (isLast) return end();
    timer = setTimeout(() => send().catch(end), 1_000);
  };
  stopping.addEventListener("abort", end, { once: true });
  response.once("close", () => {
    clearTimeout(timer);
    stopping.removeEventListener("abort", end);
  });
  await send();
}
