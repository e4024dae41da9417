import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { orderCreated } from "@throughline/contracts";
import { createEnvelope, serializeEnvelope } from "@throughline/envelope";
import { freeBasePort } from "@throughline/local/ports";
import { testBrokers } from "@throughline/local/testing";
import { issueDevelopmentToken } from "@throughline/service/development-key";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { rowsOf } from "./testing/database.ts";
import { runDeadLetters, startDeadLetters } from "./testing/dead-letters-command.ts";
import { type Doors, openDoors } from "./testing/doors.ts";
import { type Fleet, startFleet } from "./testing/fleet.ts";
import { call, get } from "./testing/http.ts";
import { runService } from "./testing/service-process.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const patience = { timeout: 60_000, interval: 100 };
let fleet: Fleet;
let doors: Doors;
let folder: string;
beforeAll(async () => {
  fleet = await startFleet();
  doors = await openDoors(fleet);
  folder = await mkdtemp(join(tmpdir(), "throughline-drill-"));
}, 120_000);
afterAll(async () => {
  await doors[Symbol.asyncDispose]();
  await fleet[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
}, 60_000);

test("the drill of a poison message does what it says, command by command", async () => {
  const data = { orderId: "o-1", customerId: "c-1", currency: "USD", totalInCents: 1_496, express: false };
  const items = [{ sku: "cd-1", quantity: 1 }];
  await send({ ...data, items, totalInCents: undefined });
  await letters(1);
  const billing = (statement: string) => rowsOf(fleet.databases.billing, statement);
  await billing("alter table payments rename to payments_away");
  await send({ ...data, items, orderId: "o-2" });
  await letters(2);
  await billing("alter table payments_away rename to payments");
  await send({ items });
  await letters(3);
  await writeFile(join(folder, "corrected.json"), JSON.stringify({ ...data, items }));

  const [list, show, preview, dryRun, replay, edit, discard, listAfter, showAfter, ...more] = await readCommands();
  expect(more).toEqual([]);
  expect(await run(list)).toMatch(/kind +open +group[^\n]*\n.*billing-/);
  expect(await run(show)).toMatch(
    /billing-1 is open.*order\.created.*\^ totalInCents: .*Not a message order\.created/s,
  );
  expect(await run(preview)).toMatch(/billing-1 +fails.*billing-2 +will run.*2 fails, 1 will run/s);
  expect(await run(dryRun)).toMatch(/will run.*payments: 1 inserted.*published:\n {2}payment\.requested o-2/s);
  expect(await run(replay)).toBe("1 sent again\n");
  const amountOf = async (orderId: string) => {
    const { body } = await call(`${fleet.services.billing.url}/payments/${orderId}`);
    return (body as { amountInCents?: number }).amountInCents;
  };
  await vi.waitUntil(async () => (await amountOf("o-2")) === 1_496, patience);
  expect(await run(edit)).toMatch(/Message [0-9a-f-]{36} is on its way in place of billing-1/);
  await vi.waitUntil(async () => (await amountOf("o-1")) === 1_496, patience);
  expect(await run(discard)).toBe("1 discarded\n");
  expect(await run(listAfter)).toBe("No message waits for you.\n");
  expect(await run(showAfter)).toMatch(/billing-1 is replaced.*replaced by \S+: the sender forgot the total/s);
}, 300_000);

test("what a command cannot do it says on stderr, and exits with 1", async () => {
  const answers = await Promise.all([
    program(["show", "billing-999"]),
    program(["replay", "payments"]),
    program(["replay", "all", "--rate", "0"]),
    program(["discard", "all"]),
    program(["list", "--service", "pizza"]),
    program(["list", "--json"]),
  ]);
  expect(answers.map(({ code, out, err }) => [code, out, err])).toEqual([
    [1, "", "There is no letter billing-999\n"],
    [1, "", expect.stringMatching(/expected a letter/)],
    [1, "", expect.stringMatching(/letters per second/)],
    [1, "", expect.stringMatching(/--reason/)],
    [1, "", expect.stringMatching(/no service pizza/)],
    [0, "[]\n", ""],
  ]);
}, 180_000);

test("each service says how many letters wait for a person", async () => {
  await send({ nothing: true });
  await letters(4);
  const { deadLetters } = await get<{ deadLetters: unknown[] }>(`${fleet.services.billing.url}/status`);
  expect(deadLetters).toEqual([{ group: "billing", road: "sns-sqs", open: 1, quarantined: 0 }]);
});

test("Ctrl-C during a replay leaves nothing half done, and the same command goes on", async () => {
  for (let index = 0; index < 5; index += 1) await send({ index });
  await letters(9);
  const replaying = startDeadLetters(fleet, ["replay", "all", "--rate", "1", "--json"]);
  await vi.waitUntil(async () => (await numbersIn("replayed")) > 1, patience);
  replaying.kill("SIGINT");
  const [out] = await Promise.all([text(replaying.stdout), once(replaying, "close")]);
  const { sent, left } = JSON.parse(out) as { sent: number; left: number };
  expect([replaying.exitCode, sent + left]).toEqual([130, 6]);
  expect(left).toBeGreaterThan(0);
}, 120_000);

test("whatever the broker, a message that failed is a row with its place, and goes back there when it is sent again", async () => {
  const sent = doors.doors.map((door) => ({ ...door, body: Buffer.from(JSON.stringify({ sentTo: door.name })) }));
  await Promise.all(sent.map(({ send, body }) => send(body)));
  const expected = sent.flatMap(({ consumers, name, body }) => consumers.map((consumer) => ({ consumer, name, body })));
  const found = async () => {
    const rows = await Promise.all(expected.map(({ consumer, body }) => readLetter(consumer, body)));
    return rows.map((row, index) => ({ at: expected[index]?.name, for: expected[index]?.consumer, ...row }));
  };
  await vi.waitUntil(async () => (await found()).every(({ deaths }) => deaths === 1), patience);
  const roads = (await found()).map(({ road }) => road);
  expect(new Set(roads)).toEqual(
    new Set(["sns-sqs", ...(testBrokers.kafka ? ["kafka"] : []), ...(testBrokers.rabbitmq ? ["rabbitmq"] : [])]),
  );
  for (const { for: consumer = "", road, origin, origin_partition, number } of await found()) {
    expect(origin).toMatch(road === "kafka" ? /^\w+\.stock\.reserved$/ : /^\w+[.-](billing|inventory|analytics)/);
    expect(typeof origin_partition).toBe(road === "kafka" ? "number" : "object");
    const service = serviceOf(consumer);
    const { code, out } = await program(["replay", `${service}-${number}`], service);
    expect([code, out]).toEqual([0, "1 sent again\n"]);
  }
  await vi.waitUntil(
    async () => (await found()).every(({ deaths = 0, replays }) => deaths >= 2 && replays === 1),
    patience,
  );
  expect(new Set((await found()).map(({ state }) => state))).toEqual(new Set(["open"]));
}, 300_000);

test("the console acts on the letters of real services as the command does", async () => {
  const known = (await rowsOf(fleet.databases.billing, "select from dead_letters")).length;
  const billing = (statement: string) => rowsOf(fleet.databases.billing, statement);
  const data = { orderId: "o-3", customerId: "c-1", currency: "USD", totalInCents: 1_496, express: false };
  await billing("alter table payments rename to payments_away");
  await send({ ...data, items: [{ sku: "cd-1", quantity: 1 }] });
  await letters(known + 1);
  await billing("alter table payments_away rename to payments");
  const [{ number = "" } = {}] = await rowsOf<Row>(
    fleet.databases.billing,
    "select max(number) as number from dead_letters",
  );
  await using console = await startConsole();
  const place = `/dead-letters/billing-${number}`;
  expect(await console.read("/dead-letters")).toContain(place);
  expect(await console.act(`${place}/dry-run`)).toMatch(/payments: 1 inserted.*payment\.requested/s);
  expect(await console.act(`${place}/replay`)).toContain("is sent again");
  const text = "select state from dead_letters where number = $1";
  const state = async () => (await rowsOf<Row>(fleet.databases.billing, text, [number]))[0]?.state;
  await vi.waitUntil(async () => (await state()) === "replayed", patience);
}, 120_000);

type Row = {
  readonly number: string;
  readonly state: string;
  readonly road: string;
  readonly origin: string;
  readonly origin_partition: number | null;
  readonly deaths: number;
  readonly replays: number;
};

async function readLetter(consumer: string, body: Buffer): Promise<Row | undefined> {
  const text = `select number, state, road, origin, origin_partition, cardinality(deaths) as deaths, replays
    from dead_letters where group_name = $1 and body = $2`;
  const rows = await rowsOf<Row>(fleet.databases[serviceOf(consumer)], text, [consumer, body]);
  return rows[0];
}

function serviceOf(consumer: string): keyof Fleet["databases"] {
  return consumer.replace(/\.work$/, "") as keyof Fleet["databases"];
}

async function send(data: unknown): Promise<void> {
  const door = doors.doors.find(({ name }) => name === "the SQS queue of billing");
  const { orderId = "o-x" } = data as { orderId?: string };
  const message = { type: orderCreated.type, version: "1", key: orderId, data };
  await door?.send(Buffer.from(serializeEnvelope(createEnvelope(message, { source: "order-service" }))));
}

async function letters(count: number): Promise<void> {
  const text = "select number from dead_letters";
  await vi.waitUntil(async () => (await rowsOf(fleet.databases.billing, text)).length === count, patience);
}

async function numbersIn(action: string): Promise<number> {
  const text = "select from dead_letter_actions where action = $1";
  return (await rowsOf(fleet.databases.billing, text, [action])).length;
}

/** With the databases of the services, and a person who has signed in as an operator. */
async function startConsole() {
  const keyFile = join(folder, "key.json");
  const token = await issueDevelopmentToken(keyFile, { subject: "ann", roles: ["operator"] });
  const { DATABASE_URL: _, ...env } = fleet.envOf("analytics");
  const databases = Object.entries(fleet.databases).map(([name, url]) => `${name}=${url}`);
  const console = runService({
    name: "console",
    main: join(root, "services/console/src/main.ts"),
    port: (await freeBasePort()) + 1,
    env: { ...env, SERVICE_DATABASES: databases.join(","), DEVELOPMENT_KEY_FILE: keyFile },
  });
  await console.ready();
  const headers = { authorization: `Bearer ${token}`, accept: "text/html" };
  const ask = async (path: string, method: string) =>
    await (await fetch(`${console.url}${path}`, { method, headers })).text();
  return {
    read: (path: string) => ask(path, "GET"),
    act: (path: string) => ask(path, "POST"),
    [Symbol.asyncDispose]: () => console[Symbol.asyncDispose](),
  };
}

/** The commands of the page, in their order. */
async function readCommands(): Promise<string[]> {
  const page = await readFile(join(root, "docs/drills/poison-message.md"), "utf8");
  return [...page.matchAll(/^npm run dead-letters -- (.*)$/gm)].map(([, args = ""]) => args);
}

async function run(command = ""): Promise<string> {
  const args = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? "");
  const { code, out, err } = await program(args.map((arg) => (arg.endsWith(".json") ? join(folder, arg) : arg)));
  expect([err, code]).toEqual(["", 0]);
  return out;
}

function program(args: readonly string[], service?: keyof Fleet["databases"]) {
  return runDeadLetters(fleet, args, service);
}
