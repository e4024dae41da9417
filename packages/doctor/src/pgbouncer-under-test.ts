import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { testBrokers } from "@throughline/local/testing";

const program = "/usr/sbin/pgbouncer";

/** In CI it is installed. */
export const hasPgbouncer: boolean = existsSync(program) || process.env.CI === "true";

/** A real pooler in front of the database server of the tests. */
export async function startPgbouncer(mode: "transaction" | "session") {
  const { port, hostname, username, password } = new URL(testBrokers.postgres);
  const folder = await mkdtemp(join(tmpdir(), "throughline-pgbouncer-"));
  await chmod(folder, 0o755);
  const listenPort = await freePort();
  await writeFile(join(folder, "users"), `"${username}" "${password}"\n`);
  await writeFile(
    join(folder, "pgbouncer.ini"),
    `[databases]
* = host=${hostname} port=${port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listenPort}
unix_socket_dir =
auth_type = trust
auth_file = ${folder}/users
pool_mode = ${mode}
ignore_startup_parameters = extra_float_digits,idle_in_transaction_session_timeout
`,
  );
  const asUser = process.getuid?.() === 0 ? ["-u", "postgres"] : [];
  const child = spawn(program, [...asUser, join(folder, "pgbouncer.ini")], { stdio: ["ignore", "ignore", "pipe"] });
  for await (const line of createInterface(child.stderr)) if (line.includes("process up")) break;
  return {
    through(url: string): string {
      const pooled = new URL(url);
      pooled.port = String(listenPort);
      pooled.searchParams.set("idle_in_transaction_session_timeout", "60000");
      return pooled.href;
    },
    async [Symbol.asyncDispose]() {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("The system gave no port");
  return address.port;
}
