import { cpuUsage } from "node:process";

/** What a timed stretch cost this process. */
export type Timing = { readonly seconds: number; readonly cpuSeconds: number };

export async function timed(work: () => Promise<void>): Promise<Timing> {
  const startedAt = performance.now();
  const cpuBefore = cpuUsage();
  await work();
  const { user, system } = cpuUsage(cpuBefore);
  return { seconds: (performance.now() - startedAt) / 1_000, cpuSeconds: (user + system) / 1e6 };
}
