import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { connect } from "@throughline/local/testing";
import { expect, onTestFinished, test, vi } from "vitest";
import { type Database, query, readLimit, readLog } from "./index.ts";
import { type Note, notes, openNotes, writeAll } from "./notes.ts";

const soon = { timeout: 25_000, interval: 10 };

test("what writers have committed is read once and in order, whoever of them is terminated or killed", async () => {
  await using log = await openNotes();
  const reader = startReader(log.database);
  const killed = [101, 102].map((writer) => startWriter(`${log.url}?application_name=killed`, writer));
  await using own = connect(`${log.url}?application_name=writer`);
  own.pool.on("error", () => {});
  let terminated = 0;
  const writers = [1, 2, 3, 4].map(async (writer) => {
    for (let number = 1; terminated < 20; number += 3) {
      const work = own.database.transaction(async (tx) => {
        await writeAll(tx, writer, [number, number + 1]);
        await tx.execute("select pg_sleep(0.001)");
        await writeAll(tx, writer, [number + 2]);
      });
      await work.catch(unlessTerminated);
    }
  });
  const terminating = (async () => {
    while (terminated < 20) terminated += await terminateWriter(log.database);
  })();
  await Promise.all([terminating, ...writers]);
  await vi.waitUntil(() => [101, 102].every((writer) => (reader.seen.get(writer)?.length ?? 0) > 0), soon);
  for (const child of killed) child.kill("SIGKILL");
  const areGone = async () => killed.every(isOver) && (await countConnections(log.database, "killed")) === 0;
  await vi.waitUntil(areGone, soon);
  expect(await reader.stop()).toEqual(await readCommitted(log.database));
});

/** Follows the log until told to stop, and then to its end. */
function startReader(database: Database) {
  const seen = new Map<number, number[]>();
  const page = { name: "read_notes", columns: "writer, number" };
  let [after, isStopped] = [0, false];
  async function follow(): Promise<void> {
    for (let end = 0; !isStopped || after < end; end = await readLimit(database, notes)) {
      const { rows, upTo } = await readLog<Note>(database, notes, page, { after });
      for (const note of rows) add(seen, note);
      after = upTo;
    }
  }
  const following = follow();
  return {
    seen,
    async stop(): Promise<ReadonlyMap<number, number[]>> {
      isStopped = true;
      await following;
      return seen;
    },
  };
}

async function readCommitted(database: Database): Promise<ReadonlyMap<number, number[]>> {
  const committed = new Map<number, number[]>();
  const text = "select writer, number from notes order by position";
  for (const note of await query<Note>(database, "committed", text)) add(committed, note);
  return committed;
}

function add(notesByWriter: Map<number, number[]>, { writer, number }: Note): void {
  const numbers = notesByWriter.get(writer) ?? [];
  numbers.push(number);
  notesByWriter.set(writer, numbers);
}

/** A server process goes on for a moment with what it had received from one that is dead. */
async function countConnections(database: Database, application: string): Promise<number> {
  const text = "select from pg_stat_activity where datname = current_database() and application_name = $1";
  return (await query(database, "connections", text, [application])).length;
}

/** One that has drawn a position, at whatever it is; returns how many it were. */
async function terminateWriter(database: Database): Promise<number> {
  const found = await query(
    database,
    "terminate_writer",
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = 'writer' and backend_xid is not null limit 1`,
  );
  return found.length;
}

/** The server says so, or what it sent last got lost with the connection. */
function unlessTerminated(error: unknown): void {
  for (let each = error; each instanceof Error; each = each.cause) {
    if ("code" in each && ["57P01", "ECONNRESET", "EPIPE"].includes(String(each.code))) return;
    if (/terminated|not queryable/.test(each.message)) return;
  }
  throw error;
}

function startWriter(url: string, writer: number) {
  const file = fileURLToPath(new URL("./writer-process.ts", import.meta.url));
  const child = spawn(process.execPath, [file, url, String(writer)], { stdio: ["ignore", "ignore", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

function isOver({ signalCode }: ReturnType<typeof startWriter>): boolean {
  return signalCode === "SIGKILL";
}
