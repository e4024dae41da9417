import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { type Child, type Program, type Surroundings, startChild } from "./child.ts";

/** A process that comes back when it dies. */
export type Supervised = AsyncDisposable & {
  /** Of the process that runs now. */
  readonly pid: number;
  /** How often it has come back. */
  readonly restarts: number;
  /** How each process ended that has ended so far: `ended by SIGKILL`. */
  readonly ends: readonly string[];
  kill(signal: NodeJS.Signals): void;
  /** Resolves once the process that runs now has ended, saying how. */
  readonly ended: Promise<string>;
};

export type SuperviseOptions = {
  /** Where it answers `/readyz`. */
  readonly url: string;
  readonly restarts: boolean;
};

/** Starts a process, waits until it is ready, and starts it again, ever more slowly, whenever it dies unasked. */
export async function supervise(
  program: Program,
  surroundings: Surroundings,
  { url, restarts }: SuperviseOptions,
): Promise<Supervised> {
  const { log } = surroundings;
  const stopping = new AbortController();
  const stopped = once(stopping.signal, "abort");
  const ends: string[] = [];
  let child = await start(program);
  let comebacks = 0;
  const watching = restarts ? watch() : Promise.resolve();

  try {
    await isReady(url, child);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    get pid() {
      return child.pid;
    },
    get restarts() {
      return comebacks;
    },
    get ended() {
      return child.ended;
    },
    ends,
    kill: (signal) => child.kill(signal),
    [Symbol.asyncDispose]: stop,
  };

  async function start(what: Program): Promise<Child> {
    const made = await startChild(what, { ...surroundings, onLine: (line) => tellTrouble(program.name, line, log) });
    void made.ended.then((how) => ends.push(how));
    return made;
  }

  async function watch(): Promise<void> {
    const { CRASH_AT: _, ...env } = program.env ?? {};
    for (let pauseMs = 200; ; ) {
      const startedAt = Date.now();
      const how = await child.ended;
      if (stopping.signal.aborted) return;
      pauseMs = Date.now() - startedAt > 10_000 ? 200 : Math.min(pauseMs * 2, 5_000);
      log(`${program.name} ${how}; it starts again.`);
      await Promise.race([pause(pauseMs, undefined, { ref: false }), stopped]);
      if (stopping.signal.aborted) return;
      try {
        child = await start({ ...program, env });
        if (stopping.signal.aborted) return;
        comebacks += 1;
      } catch (error) {
        // The old child has ended, so that the loop comes here again after a longer pause.
        log(error instanceof Error ? error.message : String(error));
      }
    }
  }

  async function stop(): Promise<void> {
    stopping.abort();
    await child[Symbol.asyncDispose]();
    await watching;
    await child[Symbol.asyncDispose]();
  }
}

async function isReady(url: string, child: Child, patienceMs = 60_000): Promise<void> {
  let answer = "no answer";
  let ended: string | undefined;
  void child.ended.then((how) => {
    ended = how;
  });
  for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += 100) {
    try {
      const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) });
      if (response.ok) return;
      answer = await response.text();
    } catch (error) {
      answer = error instanceof Error ? error.message : String(error);
    }
    if (ended !== undefined && waitedMs > 20_000) break;
    await pause(100);
  }
  throw new Error(`${url} is not ready: ${ended ?? answer}`);
}

/** Shows a person the warnings and errors among the log lines; all lines are in the file. */
function tellTrouble(name: string, line: string, log: (sentence: string) => void): void {
  const entry = parseLine(line);
  if (entry === undefined) log(`${name}: ${line}`);
  else if (["warn", "error", "fatal"].includes(entry.level ?? "")) {
    log(`${name}: ${entry.msg ?? ""}${entry.err?.message ? ` (${entry.err.message})` : ""}`);
  }
}

function parseLine(line: string): { level?: string; msg?: string; err?: { message?: string } } | undefined {
  try {
    return JSON.parse(line) as ReturnType<typeof parseLine>;
  } catch {
    return undefined; // Not a log line of ours: shown as it is.
  }
}
