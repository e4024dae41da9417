import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { endLeftover } from "./leftover.ts";

/** Beyond what all tests together have at one time. */
const roomBytes = 6 * 2 ** 30;

/** A folder of this run's own, gone when disposed, for the data of its brokers and whatever else its tests write. */
export function runFolder(root: string): { readonly brokers: string; readonly temporary: string } & Disposable {
  const { memory, disk } = placesOf(root);
  const path = (hasRoom() ? memory : disk) + process.pid;
  const [brokers, temporary] = [join(path, "brokers"), join(path, "tmp")];
  mkdirSync(brokers, { recursive: true });
  mkdirSync(temporary);
  return { brokers, temporary, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** Ends the processes of runs that could not clean up after themselves, and removes their data. */
export async function clearLeftoverRuns(root: string): Promise<void> {
  for (const run of Object.values(placesOf(root)).flatMap(runsIn)) {
    const brokers = join(run, "brokers");
    for (const broker of existsSync(brokers) ? readdirSync(brokers) : []) {
      await endLeftover(join(brokers, broker, "pid"));
      await endLeftover(join(brokers, broker, "epmd", "pid"));
    }
    rmSync(run, { recursive: true, force: true });
  }
}

const memoryFolder = "/dev/shm";

/**
 * What the folders of runs begin with; their pid follows. In memory where there is room, because databases are made and
 * dropped by the hundred, of 300 files each, and ext4 passes over each file that was deleted in the last minutes before it
 * makes one: on a disk the tests of the outbox took nearly twice as much of the processors.
 */
function placesOf(root: string): { readonly memory: string; readonly disk: string } {
  const clone = createHash("sha256").update(root).digest("hex").slice(0, 12);
  return { memory: join(memoryFolder, `throughline-test-${clone}-`), disk: join(root, ".local", "test", "run-") };
}

function hasRoom(): boolean {
  if (!existsSync(memoryFolder)) return false;
  const { bavail, bsize } = statfsSync(memoryFolder);
  return Math.min(bavail * bsize, process.availableMemory()) > roomBytes;
}

/** The folders of runs that have ended. */
function runsIn(place: string): string[] {
  const [folder, prefix] = [dirname(place), basename(place)];
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.startsWith(prefix) && !isAlive(Number(name.slice(prefix.length))))
    .map((name) => join(folder, name));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
