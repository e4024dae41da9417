/** `npm run demo -- --orders all --plain --json`, on brokers of its own; its audit stands for the tally. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Measure } from "../harness/bench.ts";

const demo = fileURLToPath(new URL("../../../demo/src/main.ts", import.meta.url));

type Told = {
  readonly verdict: "good" | "bad";
  readonly ordersPerSecond: number;
  readonly postMs: { readonly p50: number; readonly p99: number };
};

export const measure: Measure = async () => {
  const args = [demo, "--orders", "all", "--plain", "--json"];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 26 });
  const { verdict, ordersPerSecond, postMs } = JSON.parse(stdout) as Told;
  if (verdict !== "good") throw new Error("The audit of the demo found something lost or doubled");
  return { figures: { settled: ordersPerSecond, "POST, p50": postMs.p50, "POST, p99": postMs.p99 }, tallies: [] };
};
