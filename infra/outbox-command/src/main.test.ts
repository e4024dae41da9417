import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { Envelope } from "@throughline/envelope";
import { openTestDatabase } from "@throughline/local/testing";
import { type Database, migrations as logMigrations, query, readLanes } from "@throughline/log";
import { enqueue, outboxLog, migrations as outboxMigrations, startRelay } from "@throughline/outbox";
import { memoryTransport } from "@throughline/transport/memory";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

const soon = { timeout: 25_000, interval: 20 };

let outbox: Awaited<ReturnType<typeof openOrders>>;
beforeEach(async () => {
  outbox = await openOrders();
});
afterEach(() => outbox[Symbol.asyncDispose]());

test("status tells people and programs what each destination has and lacks", async () => {
  await outbox.tell("o-1", "o-2");
  const { code, out } = await run("status");
  expect(code).toBe(0);
  expect(out).toMatch(/^service +destination +waiting +oldest +lag +lanes +parked +dead +held back by\n/);
  expect(out).toMatch(/\norder +memory +0 +- +0 +1 of 1 held +0 +0 +-\n/);

  await outbox.relay[Symbol.asyncDispose]();
  await outbox.write("o-3");
  expect((await run("status")).out).toMatch(/\norder +memory +1 +\d+ \w+ +1 +0 of 1 held +0 +0 +no relay has it\n/);
  const { out: json } = await run("status", "--json");
  expect(JSON.parse(json)).toMatchObject([
    { service: "order", destination: "memory", waiting: 1, lag: 1, lanes: 1, heldLanes: 0, isForgotten: true },
  ]);
});

test("a replay says what it would send, does nothing unless told, and then sends that again", async () => {
  await outbox.tell("o-1", "o-2", "o-3");
  const { id = "" } = outbox.received[1] ?? {};
  const asked = await run("replay", "--destination", "memory", "--from", id);
  expect(asked).toMatchObject({ code: 1, out: "Nothing was sent: --yes confirms.\n" });
  expect(asked.err).toMatch(/^2 messages, written from .* UTC, have gone to memory:\n +2 {2}order\.created\n$/);

  const done = await run("replay", "--destination", "memory", "--from", id, "--yes");
  expect(done).toMatchObject({ code: 0, err: "" });
  expect(done.out).toMatch(/^2 messages, .*\nThey were sent again\.\n$/s);
  await vi.waitUntil(() => outbox.received.length === 5, soon);
  expect(outbox.received.map(({ key }) => key)).toEqual(["o-1", "o-2", "o-3", "o-2", "o-3"]);
  expect(new Set(outbox.received.map((envelope) => envelope.id)).size).toBe(3);
});

test("a program gets the same as JSON, by time and by position", async () => {
  const before = new Date().toISOString();
  await outbox.tell("o-1", "o-2");
  const preview = JSON.parse((await run("replay", "--destination", "memory", "--from", before, "--json")).out);
  const types = [{ type: "order.created", messages: 2 }];
  expect(preview).toMatchObject({ service: "order", from: 1, messages: 2, types, course: "not confirmed" });
  const done = await run("replay", "--destination", "memory", "--from", "2", "--json", "--yes");
  expect(done).toMatchObject({ code: 0, err: "" });
  expect(JSON.parse(done.out)).toMatchObject({ from: 2, messages: 1, course: "caught up" });
  const none = await run("replay", "--destination", "memory", "--from", "3", "--yes");
  expect(none).toMatchObject({ code: 0, out: "Nothing was sent since then.\n" });
});

test("Ctrl-C leaves the rest of a replay to the relay", async () => {
  await outbox.tell("o-1");
  await outbox.relay[Symbol.asyncDispose]();
  const child = start(["replay", "--destination", "memory", "--from", "1", "--yes"]);
  const lanes = () => readLanes(outbox.database, outboxLog, "memory");
  await vi.waitUntil(async () => (await lanes())[0]?.position === 0, soon);
  child.kill("SIGINT");
  const [out] = await Promise.all([text(child.stdout), once(child, "close")]);
  expect([child.exitCode, out]).toEqual([130, expect.stringMatching(/the relay goes on by itself\.\n$/)]);
});

test("a destination is forgotten when it is said so, and no relay has it", async () => {
  await outbox.tell("o-1");
  const held = await run("forget", "--destination", "memory", "--yes");
  expect(held).toMatchObject({ code: 1, out: "", err: expect.stringMatching(/^A relay publishes to memory/) });
  await outbox.relay[Symbol.asyncDispose]();
  await outbox.write("o-2");
  expect(await run("forget", "--destination", "memory")).toMatchObject({ code: 1, err: "" });
  const { code, out } = await run("forget", "--destination", "memory", "--yes", "--json");
  expect([code, JSON.parse(out)]).toEqual([
    0,
    { service: "order", destination: "memory", waiting: 1, parked: 0, isForgotten: true },
  ]);
  expect(await readLanes(outbox.database, outboxLog, "memory")).toEqual([]);
  expect(await run("status")).toMatchObject({ code: 0, out: "No relay has ever run.\n" });
});

test("however many wait, who forgets a destination is told all of them", async () => {
  await outbox.relay[Symbol.asyncDispose]();
  await outbox.write("o-1");
  const [name, text] = [
    "copy",
    'insert into outbox (key, type, id, version, "timestamp", source, sequence, correlation_id, wire) select key, type, gen_random_uuid(), version, "timestamp", source, n, correlation_id, wire from outbox, generate_series(2, 100001) n',
  ];
  await query(outbox.database, name, text);
  expect((await run("status")).out).toContain("100000 or more");
  const { out } = await run("forget", "--destination", "memory", "--yes", "--json");
  expect(JSON.parse(out)).toMatchObject({ waiting: 100_001 });
});

test("what cannot be done is said on stderr, and exits with 1", async () => {
  const answers = await Promise.all([
    run("replay", "--destination", "kafka", "--from", "1"),
    run("replay", "--destination", "memory", "--from", "yesterday"),
    run("replay", "--destination", "memory", "--from", "0197a000-0000-7000-8000-000000000000", "--yes"),
    run("status", "--service", "pizza"),
    run(),
  ]);
  expect(answers.map(({ code, out, err }) => [code, out, err])).toEqual([
    [1, "", "Nobody here has published to kafka; the destinations are memory\n"],
    [1, "", expect.stringMatching(/Expected a time such as/)],
    [1, "", "No message 0197a000-0000-7000-8000-000000000000 is kept in this outbox\n"],
    [1, "", expect.stringMatching(/billing, inventory, order/)],
    [1, "", expect.stringMatching(/^Usage: npm run outbox -- /)],
  ]);
});

/** The outbox of a service that takes orders, with its relay. */
async function openOrders() {
  await using opening = new AsyncDisposableStack();
  const { database, url } = opening.use(await openTestDatabase(logMigrations, outboxMigrations));
  const transport = memoryTransport();
  const subscriber = opening.use(await transport.connectSubscriber());
  const received: Envelope[] = [];
  const handler = async (envelope: Envelope) => void received.push(envelope);
  await subscriber.subscribe({ group: "billing", types: ["order.created"], handler });
  let isRunning = true;
  const running = await startRelay(database, { to: [{ transport }], leaseMs: 5_000, onError: () => {} });
  const relay = {
    status: running.status,
    async [Symbol.asyncDispose]() {
      if (isRunning) await running[Symbol.asyncDispose]();
      isRunning = false;
    },
  };
  opening.use(relay);
  const opened = opening.move();
  const write = (...keys: string[]) => writeAll(database, keys);
  return {
    ...{ database, url, received, relay, write },
    /** Returns when the relay has published it. */
    async tell(...keys: string[]): Promise<void> {
      await write(...keys);
      await vi.waitUntil(async () => (await relay.status())[0]?.lag === 0 && received.length >= keys.length, soon);
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function writeAll(database: Database, keys: readonly string[]): Promise<void> {
  const messages = keys.map((key) => ({ type: "order.created", version: "1", key, data: {} }));
  return database.transaction((tx) => enqueue(tx, "order-service", messages));
}

async function run(...args: string[]) {
  const child = start(args);
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code: child.exitCode, out, err };
}

function start(args: readonly string[]) {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const env = { PATH: process.env.PATH ?? "", DATABASE_URL: outbox.url };
  const common = args.includes("--service") ? [] : ["--service", "order"];
  return spawn(process.execPath, [main, ...args, ...common], { env, stdio: ["ignore", "pipe", "pipe"] });
}
