import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { expect, test, vi } from "vitest";
import { freeBasePort } from "./ports.ts";
import { startPostgres } from "./postgres.ts";

test("a server that was killed starts again once the last of its processes is gone", async () => {
  await using opened = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), "throughline-"));
  opened.defer(() => rm(dataDir, { recursive: true }));
  const options = { port: await freeBasePort(), dataDir, log: () => {}, fsync: false };
  const killed = await startPostgres(options);
  const backend = await frozenBackend(killed.url);
  try {
    process.kill(killed.pid, "SIGKILL");
    await killed[Symbol.asyncDispose]();
    const starting = startPostgres(options);
    starting.catch(() => undefined);
    const says = () => readFileSync(join(dataDir, "output.log"), "utf8");
    await vi.waitUntil(() => says().includes("pre-existing shared memory block"), { timeout: 8_000 });
    process.kill(backend, "SIGCONT");
    opened.use(await starting);
  } finally {
    try {
      process.kill(backend, "SIGKILL");
    } catch {
      // It has ended.
    }
  }
  expect(readFileSync(join(dataDir, "output.log"), "utf8")).toContain("ready to accept connections");
});

/** The process of a connection, which from now on notices nothing. */
async function frozenBackend(url: string): Promise<number> {
  const client = new pg.Client(url);
  client.on("error", () => undefined);
  await client.connect();
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  const pid = rows[0]?.pid ?? 0;
  process.kill(pid, "SIGSTOP");
  return pid;
}
