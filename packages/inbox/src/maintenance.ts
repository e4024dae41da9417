import type { Database } from "@throughline/log";
import { maintainPartitions } from "./retention.ts";

const dayMs = 24 * 60 * 60 * 1_000;

/** Maintains the partitions now and once a day. A day that fails is told; there are partitions for seven more. */
export async function startMaintenance(
  database: Database,
  { retentionDays, onError }: { readonly retentionDays: number; readonly onError: (error: Error) => void },
): Promise<AsyncDisposable> {
  await maintainPartitions(database, { retentionDays });
  let running = Promise.resolve();
  const timer = setInterval(() => {
    running = maintainPartitions(database, { retentionDays }).catch(onError);
  }, dayMs);
  timer.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await running;
    },
  };
}
