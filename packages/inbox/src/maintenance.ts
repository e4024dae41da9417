import type { Database } from "@throughline/log";
import { maintainPartitions } from "./partitions.ts";
import { isLocked } from "./transient.ts";

const minuteMs = 60_000;

/**
 * Maintains the partitions now and once a minute. Where others are in the way, that is told, and tried again the next
 * time: there are partitions for seven days more, and the default one takes what has none. Other failures, and they alone,
 * make it reject at the start.
 */
export async function startMaintenance(
  database: Database,
  { retentionDays, onError }: { readonly retentionDays: number; readonly onError: (error: Error) => void },
): Promise<AsyncDisposable> {
  const maintain = () => maintainPartitions(database, { retentionDays });
  const tell = (cause: unknown) =>
    onError(new Error("The partitions of the inbox were left as they are, until next time", { cause }));
  await maintain().catch((error) => {
    if (!isLocked(error)) throw error;
    tell(error);
  });
  let running = Promise.resolve();
  const timer = setInterval(() => {
    running = running.then(maintain).catch(tell);
  }, minuteMs);
  timer.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await running;
    },
  };
}
