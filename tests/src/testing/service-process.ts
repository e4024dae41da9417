import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";

export type ServiceSettings = {
  readonly name: string;
  /** The main file, from the root of the repository. */
  readonly main: string;
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
  /** Started again, without CRASH_AT, whenever it ends by itself or is killed. Default: true. */
  readonly isSupervised?: boolean;
};

/** How a process ended. */
export type Exit = { readonly pid: number; readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type ServiceProcess = AsyncDisposable & {
  readonly name: string;
  readonly url: string;
  /** Of the process that runs now. */
  readonly pid: number;
  /** Every end so far, the first one first. */
  readonly exits: readonly Exit[];
  readonly output: readonly string[];
  kill(signal: NodeJS.Signals): void;
  /** Starts it, where it is not supervised and has ended. */
  start(env?: Readonly<Record<string, string>>): void;
  /** Resolves once it answers that it is ready. */
  ready(): Promise<void>;
};

const root = fileURLToPath(new URL("../../../", import.meta.url));
const preload = ["--import", "@throughline/service/preload"];

/** Runs a service as a process of its own, as a supervisor would. Disposing it ends it as a supervisor does: SIGTERM. */
export function runService(settings: ServiceSettings): ServiceProcess {
  const { name, main, port, isSupervised = true } = settings;
  const url = `http://127.0.0.1:${port}`;
  const exits: Exit[] = [];
  const output: string[] = [];
  let isEnding = false;
  let child = start(settings.env);

  function start(env: Readonly<Record<string, string>>): ChildProcess {
    const { PATH = "", HOME = "" } = process.env;
    const started = spawn(process.execPath, [...preload, main], {
      cwd: `${root}/services/order`,
      env: { PATH, HOME, NODE_COMPILE_CACHE: `${root}/.local/cache/node`, ...env, PORT: String(port) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [started.stdout, started.stderr])
      createInterface(stream).on("line", (line) => output.push(line));
    started.once("exit", (code, signal) => {
      exits.push({ pid: started.pid ?? 0, code, signal });
      const { CRASH_AT: _, ...later } = settings.env;
      if (isSupervised && !isEnding) child = start(later);
    });
    return started;
  }

  return {
    name,
    url,
    exits,
    output,
    get pid() {
      return child.pid ?? 0;
    },
    kill: (signal) => void child.kill(signal),
    start: (env = {}) => {
      child = start({ ...settings.env, ...env });
    },
    async ready() {
      await vi
        .waitFor(() => answersReady(url), { timeout: 60_000, interval: 50 })
        .catch((cause) => {
          throw new Error(`${name} is not ready:\n${output.slice(-20).join("\n")}`, { cause });
        });
    },
    async [Symbol.asyncDispose]() {
      isEnding = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      const impatience = setTimeout(() => child.kill("SIGKILL"), 15_000);
      await ended;
      clearTimeout(impatience);
    },
  };
}

async function answersReady(url: string): Promise<void> {
  const { status } = await fetch(`${url}/readyz`);
  if (status !== 200) throw new Error(`It answers ${status}`);
}
