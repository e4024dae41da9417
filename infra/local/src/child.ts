import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { endLeftover, forgetPid, recordPid } from "./leftover.ts";
import { assertPortIsFree } from "./ports.ts";

/** What every broker here is started with. */
export type BrokerOptions = {
  readonly port: number;
  /** The broker's own folder: data, output.log and pid. Made where it is missing. */
  readonly dataDir: string;
  /** Told, in a sentence, what a person should know, such as that a left-over process was ended. */
  readonly log: (sentence: string) => void;
};

export type Broker = { readonly url: string; readonly pid: number } & AsyncDisposable;

export type Program = {
  /** As a person calls it: `Apache Kafka`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Who runs it where we are root; by default root. */
  readonly user?: string | undefined;
  /** All ports that it will listen on. */
  readonly ports: readonly number[];
  /** The line of its output that says it is up; by default it is up at once. */
  readonly ready?: RegExp;
  /** How it is asked to stop. Default: SIGTERM. */
  readonly stopSignal?: NodeJS.Signals;
};

/** Starts a program in the background, waits until it is up, and stops it when disposed. */
export async function startChild(
  { name, ports, ready, stopSignal = "SIGTERM", ...program }: Program,
  { dataDir, log }: Pick<BrokerOptions, "dataDir" | "log">,
): Promise<{ pid: number } & AsyncDisposable> {
  mkdirSync(dataDir, { recursive: true });
  const pidFile = join(dataDir, "pid");
  const outputFile = join(dataDir, "output.log");
  const leftover = await endLeftover(pidFile);
  if (leftover !== undefined) log(`${name} was still running from a run that crashed (pid ${leftover}); it was ended.`);
  for (const port of ports) await assertPortIsFree(port, name);

  const child = spawnTied(program, stopSignal, openSync(outputFile, "w"));
  const stop = () => stopChild(child, stopSignal).then(() => forgetPid(pidFile));
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} cannot be started: ${program.command}`);
  recordPid(pidFile, pid);
  try {
    if (ready) await outputSays(ready, child, outputFile);
  } catch (cause) {
    await stop();
    throw new Error(`${name} did not start. The end of ${outputFile}:\n${endOf(outputFile)}`, { cause });
  }
  return { pid, [Symbol.asyncDispose]: stop };
}

/** The command that runs `command` as `user`, whatever folders above ours that user may not enter. */
export function asUser(user: string | undefined, command: string, args: readonly string[]): [string, string[]] {
  if (user === undefined || process.getuid?.() !== 0) return [command, [...args]];
  const mayPass = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"];
  return [
    "setpriv",
    [
      "--securebits=+no_setuid_fixup",
      `--reuid=${user}`,
      `--regid=${user}`,
      "--init-groups",
      ...mayPass,
      "--",
      command,
      ...args,
    ],
  ];
}

/** The child is in a group of its own, so that Ctrl-C reaches the launcher alone, and yet it dies with the launcher. */
function spawnTied(program: Pick<Program, "command" | "args" | "env" | "user">, signal: string, output: number) {
  let [command, args] = asUser(program.user, program.command, program.args);
  if (process.platform === "linux" && existsSync("/usr/bin/setpriv")) {
    const tie = `--pdeathsig=${signal.slice(3)}`;
    args = command === "setpriv" ? [tie, ...args] : [tie, "--", command, ...args];
    command = "setpriv";
  }
  const env = { ...process.env, ...program.env };
  const child = spawn(command, args, { env, stdio: ["ignore", output, output], detached: true });
  child.on("error", () => child.emit("exit", 127, null));
  return child;
}

async function outputSays(ready: RegExp, child: ChildProcess, file: string, patienceMs = 60_000): Promise<void> {
  for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += 50) {
    if (ready.test(readFileSync(file, "utf8"))) return;
    if (hasEnded(child)) throw new Error(`It ended with ${child.exitCode ?? child.signalCode}`);
    await pause(50);
  }
  throw new Error(`It was not up after ${patienceMs} ms`);
}

async function stopChild(child: ChildProcess, signal: NodeJS.Signals, patienceMs = 15_000): Promise<void> {
  if (hasEnded(child)) return;
  const exit = once(child, "exit");
  child.kill(signal);
  const impatience = setTimeout(() => child.kill("SIGKILL"), patienceMs);
  await exit;
  clearTimeout(impatience);
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function endOf(file: string): string {
  return readFileSync(file, "utf8").trim().split("\n").slice(-15).join("\n");
}
