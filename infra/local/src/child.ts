import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { createWriteStream, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { asUser, type CommandLine, tiedToUs } from "./command-line.ts";
import { endLeftover, forgetPid, recordPid } from "./leftover.ts";
import { assertPortIsFree } from "./ports.ts";

export type Program = CommandLine & {
  /** As a person calls it: `Apache Kafka`. */
  readonly name: string;
  readonly env?: Readonly<Record<string, string>>;
  /** All ports that it will listen on. */
  readonly ports: readonly number[];
  /** The line of its output that says it is up; by default it counts as up at once. */
  readonly ready?: RegExp;
  /** How it is asked to stop. Default: SIGTERM. */
  readonly stopSignal?: NodeJS.Signals;
};

export type Surroundings = {
  /** The program's own folder: pid and output.log. Made where it is missing. */
  readonly dataDir: string;
  /** Told, in a sentence, what a person should know, such as that a left-over process was ended. */
  readonly log: (sentence: string) => void;
  /** Default: output.log in dataDir. */
  readonly outputFile?: string;
  /** Told every line of output. Default: the output goes to the file alone. */
  readonly onLine?: (line: string) => void;
};

export type Child = {
  readonly pid: number;
  /** Resolves, saying how, once the process has ended. */
  readonly ended: Promise<string>;
  readonly kill: (signal: NodeJS.Signals) => void;
} & AsyncDisposable;

/** Longer than the 40 s that a service gives itself to end what it has in hand (SHUTDOWN_GRACE_MS). */
const patienceMs = 45_000;

/** Starts a program in the background, waits until it is up, and stops it when disposed. */
export async function startChild(program: Program, { dataDir, log, outputFile, onLine }: Surroundings): Promise<Child> {
  const { name, ports, ready, stopSignal = "SIGTERM" } = program;
  const [pidFile, output] = [join(dataDir, "pid"), outputFile ?? join(dataDir, "output.log")];
  for (const folder of [dataDir, dirname(output)]) mkdirSync(folder, { recursive: true });
  const leftover = await endLeftover(pidFile);
  if (leftover !== undefined) log(`${name} was still running from a run that crashed (pid ${leftover}); it was ended.`);
  for (const port of ports) await assertPortIsFree(port, name);

  const child = spawnIn(output, program, stopSignal, onLine);
  const ended = endOf(child);
  const stop = async () => {
    if (hasEnded(child)) return forgetPid(pidFile);
    child.kill(stopSignal);
    const impatience = setTimeout(() => {
      log(`${name} did not end within ${patienceMs / 1_000} s, and is killed: what it had in hand comes again.`);
      child.kill("SIGKILL");
    }, patienceMs);
    await ended;
    clearTimeout(impatience);
    forgetPid(pidFile);
  };
  if (child.pid === undefined) throw new Error(`${name} cannot be started: ${await ended}`);
  recordPid(pidFile, child.pid);
  try {
    if (ready) await outputSays(ready, child, output);
  } catch (cause) {
    await stop();
    const lastLines = readFileSync(output, "utf8").trim().split("\n").slice(-15).join("\n");
    throw new Error(`${name} did not start. The end of ${output}:\n${lastLines}`, { cause });
  }
  return { pid: child.pid, ended, kill: (signal) => void child.kill(signal), [Symbol.asyncDispose]: stop };
}

/** The child is in a group of its own, so that Ctrl-C reaches the launcher alone, and yet it dies with the launcher. */
function spawnIn(file: string, program: Program, signal: NodeJS.Signals, onLine?: (line: string) => void) {
  const { command, args } = tiedToUs(asUser(program), signal);
  const options: SpawnOptions = { env: { ...process.env, ...program.env }, detached: true };
  if (!onLine) {
    const output = openSync(file, "w");
    return spawn(command, args, { ...options, stdio: ["ignore", output, output] });
  }
  const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  const output = createWriteStream(file, { flags: "a" });
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface(stream).on("line", (line) => {
      output.write(`${line}\n`);
      onLine(line);
    });
  }
  child.once("close", () => output.end());
  return child;
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal ? `ended by ${signal}` : `ended with code ${code}`));
  });
}

async function outputSays(ready: RegExp, child: ChildProcess, file: string, patienceMs = 180_000): Promise<void> {
  for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += 50) {
    if (ready.test(readFileSync(file, "utf8"))) return;
    if (hasEnded(child)) throw new Error("It ended");
    await pause(50);
  }
  throw new Error(`It was not up after ${patienceMs} ms`);
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}
