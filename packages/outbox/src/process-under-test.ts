import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

export type Published = { readonly id: string; readonly sequence: number };

type Process = { readonly fate?: string; readonly lanes?: number; readonly published?: Published[] };

/** A relay of `relay-process.ts`. */
export function startProcess(
  url: string,
  { fate, lanes = 1, published = [] }: Process,
): { readonly child: ChildProcess; readonly published: Published[]; readonly errors: string[] } & AsyncDisposable {
  const file = fileURLToPath(new URL("./relay-process.ts", import.meta.url));
  const child = spawn(process.execPath, [file, url, ...(fate ? [fate, `${lanes}`] : [])], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  // Also where a test is given up: a stopped process would otherwise stay for ever.
  onTestFinished(() => void child.kill("SIGKILL"));
  const errors: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    const told = JSON.parse(line) as Published | { readonly error: string };
    if ("error" in told) errors.push(told.error);
    else published.push(told);
  });
  return {
    ...{ child, published, errors },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

/** Of `relay-process.ts`. */
export const batchSize = 5;

/** The sequences in the order in which each was published first. */
export function firstTimes(published: readonly Published[]): number[] {
  return [...new Set(published.map(({ sequence }) => sequence))];
}
