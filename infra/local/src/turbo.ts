import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";

export type PlannedTest = {
  readonly package: string;
  readonly resultsFile: string;
  /** True where nothing changed since it passed. */
  readonly isCached: boolean;
};

type DryRun = {
  readonly tasks: readonly {
    readonly task: string;
    readonly package: string;
    readonly directory: string;
    readonly command: string;
    readonly cache: { readonly status: "HIT" | "MISS" };
  }[];
};

/** Asks turbo which packages it would test, and which of those it need not test again. */
export async function plannedTests(root: string, args: readonly string[]): Promise<readonly PlannedTest[]> {
  const env = withoutTelemetry();
  const isForced = args.includes("--force");
  const options = { cwd: root, env, maxBuffer: 100 * 2 ** 20 };
  const { stdout } = await promisify(execFile)("turbo", ["run", "test", ...args, "--dry=json"], options);
  const { tasks } = JSON.parse(stdout) as DryRun;
  return tasks
    .filter(({ task, command }) => task === "test" && command !== "<NONEXISTENT>")
    .map(({ package: name, directory, cache }) => ({
      package: name,
      resultsFile: join(root, directory, ".vitest", "results.json"),
      isCached: cache.status === "HIT" && !isForced,
    }));
}

/**
 * Runs what changed, restores the results of the rest, and answers whether all passed. An interruption is passed on to
 * turbo and its launcher, which are a group of their own, so that a terminal does not tell them as well.
 */
export async function runTests(root: string, args: readonly string[], interrupted: AbortSignal): Promise<boolean> {
  const options = ["--concurrency=2", "--continue", "--output-logs=new-only"];
  const env = withoutTelemetry();
  const turbo = spawn("turbo", ["run", "test", ...options, ...args], {
    cwd: root,
    env,
    stdio: "inherit",
    detached: true,
  });
  interrupted.addEventListener("abort", () => turbo.exitCode === null && process.kill(-(turbo.pid ?? 0), "SIGINT"));
  const [code] = await once(turbo, "exit");
  return code === 0;
}

function withoutTelemetry(): NodeJS.ProcessEnv {
  return { ...process.env, TURBO_TELEMETRY_DISABLED: "1" };
}
