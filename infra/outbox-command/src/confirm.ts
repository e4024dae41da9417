import { createInterface } from "node:readline/promises";

/** Asks the person at the terminal; false, without asking, where nobody is there. */
export async function isConfirmed(question: string, interrupted: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY || interrupted.aborted) return false;
  using reader = createInterface({ input: process.stdin, output: process.stderr });
  // While it reads, the terminal sends no signals.
  reader.once("SIGINT", () => process.kill(process.pid, "SIGINT"));
  try {
    return /^y(es)?$/i.test((await reader.question(`${question} [y/N] `, { signal: interrupted })).trim());
  } catch (error) {
    if (interrupted.aborted) return false;
    throw error;
  }
}
