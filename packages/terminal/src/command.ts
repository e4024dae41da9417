import { listenForInterruption } from "./interruption.ts";

/**
 * Runs a command: what `run` resolves to is the exit code of the process; an error is told on stderr and exits with 1, and
 * after Ctrl-C, once `run` has ended, with 130.
 */
export async function runCommand(run: (interrupted: AbortSignal) => Promise<number>): Promise<void> {
  const interrupted = listenForInterruption();
  try {
    process.exitCode = await run(interrupted);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
  if (interrupted.aborted) process.exitCode = 130;
}
