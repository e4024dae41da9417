import { execFile } from "node:child_process";
import { appendFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { paymentCompleted } from "@throughline/contracts";
import { newId } from "@throughline/envelope";
import { migrations as inbox, on, startConsumer } from "@throughline/inbox";
import { startPostgres } from "@throughline/local/brokers";
import { freeBasePort } from "@throughline/local/ports";
import { connect, createTables, openTestDatabase } from "@throughline/local/testing";
import { type Database, migrations as log } from "@throughline/log";
import { enqueue, migrations as outbox, startRelay } from "@throughline/outbox";
import { memoryTransport } from "@throughline/transport/memory";
import { startLine } from "@throughline/transport/testing";
import { expect, test, vi } from "vitest";
import { rowsOf } from "./testing/database.ts";

const patience = { timeout: 30_000, interval: 50 };
const groups = ["order", "analytics"] as const;
const run = promisify(execFile);

test.each([
  { by: "a relay that starts then", stays: false },
  { by: "the relay that was there", stays: true },
])(
  "a standby that takes over without the last commits is gone on with by $by, and the audit names each that was heard, and nothing else",
  async ({ stays }) => {
    await using pair = await startPair();
    const { primary, standby } = pair;
    await using consumers = await openTestDatabase(inbox);
    // Under the name of the road by which these are bound.
    const kafka = { ...memoryTransport(), name: "kafka" };
    const heard: string[] = [];
    await using listening = new AsyncDisposableStack();
    for (const group of groups) {
      const listen = on(paymentCompleted, async ({ id }) => void (group === "order" && heard.push(id)));
      listening.use(await startConsumer(consumers.database, group, [listen], { from: [kafka] }));
    }
    const handledBy = async (id: string) =>
      (await rowsOf(consumers.url, "select from processed_messages where message_id = $1", [id])).length;
    const handled = (ids: readonly string[]) =>
      vi.waitUntil(async () => (await handledBy(ids.at(-1) ?? "")) === 2, patience);
    // So long that the relay which was there learns of the other server from what it reads, before it renews its lease.
    const options = { to: [{ transport: kafka }], leaseMs: stays ? 60_000 : 500, onError: () => {} };

    const kept = Array.from({ length: 3 }, newId);
    // More than the positions that a sequence notes ahead, so that some are given out again.
    const lost = Array.from({ length: 50 }, newId);
    const server = { host: "127.0.0.1", port: primary.port };
    await using line = await startLine(server);
    await using service = connect(Object.assign(new URL(primary.url), { port: line.port }).href);
    service.pool.on("error", () => undefined);
    const relay = await startRelay(service.database, options);
    await using relays = new AsyncDisposableStack();
    if (stays) relays.use(relay);
    await pay(service.database, kept);
    await handled(kept);
    await vi.waitUntil(async () => (await rowsOf(standby.url, "select from outbox")).length === kept.length, patience);
    await standby.hearsNoMore();
    await pay(service.database, lost);
    await handled(lost);
    process.kill(primary.pid, "SIGKILL");
    if (!stays) await relay[Symbol.asyncDispose]();

    await rowsOf(standby.url, "select pg_promote()");
    server.port = standby.port;
    if (!stays) relays.use(await startRelay(service.database, options));
    // More than the relay that was there has passed of the positions that are given out again.
    const after = Array.from({ length: 50 }, newId);
    await pay(service.database, after);
    await handled(after);
    expect([...new Set(heard)].filter((id) => after.includes(id))).toEqual(after);

    const { found, messages } = await runAudit({ billing: standby.url, others: consumers.url });
    expect(messages).toBe(kept.length + after.length);
    expect(found.map(({ kind }) => kind)).toEqual(["ghost"]);
    const ghosts = found.flatMap(({ findings }) => findings.map(({ id }) => id));
    expect(ghosts.toSorted()).toEqual([...lost, ...lost].toSorted());
  },
  60_000,
);

/** Tells of payments, one commit each, all for one order. */
async function pay(database: Database, ids: readonly string[]): Promise<void> {
  const payment = { orderId: "o-1", amountInCents: 100, currency: "EUR", reference: "r-1" };
  for (const id of ids)
    await database.transaction((tx) => enqueue(tx, "billing-service", [paymentCompleted.message("o-1", payment, id)]));
}

/** A primary that waits for nobody, with the tables of a service, and a standby that follows it. */
async function startPair() {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "throughline-"));
  opened.defer(() => rm(folder, { recursive: true }));
  const basePort = await freeBasePort();
  const start = (name: string, port: number) =>
    startPostgres({ port, dataDir: join(folder, name), log: () => {}, fsync: false });
  {
    await using original = await start("primary", basePort);
    await using service = connect(original.url);
    await createTables(service.database, log, outbox, inbox);
  }
  await mkdir(join(folder, "standby"));
  const data = join(folder, "standby", "data");
  await run("cp", ["-a", join(folder, "primary", "data"), data]);
  const primary = opened.use(await start("primary", basePort));
  const { username, password, hostname, port } = new URL(primary.url);
  const address = `host=${hostname} port=${port} user=${username} password=${password}`;
  await appendFile(join(data, "postgresql.auto.conf"), `primary_conninfo = '${address}'\n`);
  await writeFile(join(data, "standby.signal"), "");
  const standby = opened.use(await start("standby", basePort + 1));
  const hearsNoMore = async () => {
    await rowsOf(standby.url, "alter system set primary_conninfo = ''");
    await rowsOf(standby.url, "select pg_reload_conf()");
    const receivers = "select from pg_stat_wal_receiver";
    await vi.waitUntil(async () => (await rowsOf(standby.url, receivers)).length === 0, patience);
  };
  const stack = opened.move();
  const places = { primary: { ...primary, port: basePort }, standby: { ...standby, port: basePort + 1, hearsNoMore } };
  return { ...places, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

type Report = {
  readonly messages: number;
  readonly found: readonly { readonly kind: string; readonly findings: readonly { readonly id: string }[] }[];
};

/** `npm run audit -- --json`, of this shop's databases. */
async function runAudit(at: { readonly billing: string; readonly others: string }): Promise<Report> {
  const main = fileURLToPath(new URL("../../infra/audit/src/main.ts", import.meta.url));
  const others = ["order", "inventory", "analytics"].map((service) => `--database=${service}=${at.others}`);
  const args = [main, "--json", `--database=billing=${at.billing}`, ...others];
  // It ends with 1 where it finds something.
  const { stdout, stderr } = await run(process.execPath, args).catch(
    (ended: { stdout: string; stderr: string }) => ended,
  );
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout);
}
