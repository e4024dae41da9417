import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export type Child = {
  /** Everything it has said so far, on stdout and stderr. */
  readonly output: () => string;
  /** Resolves once it has said that; rejects where it ends before. */
  said(text: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
} & AsyncDisposable;

/** Runs a program of this folder as a process of its own; disposing kills it. */
export function startChild(program: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Child {
  const file = fileURLToPath(new URL(program, import.meta.url));
  const [preload, rest] = args[0] === "--import" ? [args.slice(0, 2), args.slice(2)] : [[], args];
  const child = spawn(process.execPath, [...preload, file, ...rest], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      child.emit("said");
    });
  }
  const ended = new Promise<Awaited<Child["ended"]>>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  return {
    output: () => output,
    said: (text) =>
      new Promise((resolve, reject) => {
        const look = () => output.includes(text) && resolve();
        child.on("said", look).once("close", () => reject(new Error(`Ended without saying "${text}":\n${output}`)));
        look();
      }),
    kill: (signal) => void child.kill(signal),
    ended,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
