import { readFileSync } from "node:fs";
import { cpus, loadavg, totalmem, type } from "node:os";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";

/** What a figure must not be read without. */
export type Machine = {
  readonly processors: string;
  readonly memory: string;
  readonly system: string;
  /** Of everything that took part. */
  readonly versions: Readonly<Record<string, string>>;
  /** Share of the processors that others used just before, while nothing of ours ran: 0 to 1. */
  readonly usedByOthers: number;
  /** Load averages of 1, 5 and 15 minutes. */
  readonly load: readonly number[];
};

export async function describeMachine(databaseUrl: string): Promise<Machine> {
  const processors = cpus();
  return {
    processors: `${processors.length} × ${processors[0]?.model.trim() ?? "unknown"}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: type(),
    versions: { node: process.versions.node, postgres: await postgresVersion(databaseUrl), ...peerVersions() },
    usedByOthers: await measureUse(1_000),
    load: loadavg().map((load) => Math.round(load * 100) / 100),
  };
}

async function postgresVersion(connectionString: string): Promise<string> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const { rows } = await client.query<{ server_version: string }>("show server_version");
    return rows[0]?.server_version ?? "unknown";
  } finally {
    await client.end();
  }
}

function peerVersions(): Record<string, string> {
  const manifest = readFileSync(fileURLToPath(new URL("../../package.json", import.meta.url)), "utf8");
  return (JSON.parse(manifest) as { readonly dependencies: Record<string, string> }).dependencies;
}

async function measureUse(ms: number): Promise<number> {
  const before = times();
  await setTimeout(ms);
  const after = times();
  return Math.round((100 * (after.busy - before.busy)) / (after.all - before.all)) / 100;
}

function times(): { busy: number; all: number } {
  const sums = cpus().map(({ times: { user, nice, sys, idle, irq } }) => ({ busy: user + nice + sys + irq, idle }));
  const busy = sums.reduce((sum, cpu) => sum + cpu.busy, 0);
  return { busy, all: sums.reduce((sum, cpu) => sum + cpu.idle, busy) };
}
