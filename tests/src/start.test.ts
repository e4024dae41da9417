import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, globSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { missing } from "@throughline/local/brokers";
import { freeBasePort } from "@throughline/local/ports";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { call, get } from "./testing/http.ts";
import { commandsOf } from "./testing/readme.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const basePort = await freeBasePort();
const url = (offset: number) => `http://127.0.0.1:${basePort + offset}`;
const folder = await mkdtemp(join(tmpdir(), "throughline-"));
const dataDir = join(folder, "start");
const env = { ...process.env, THROUGHLINE_DATA_DIR: dataDir, THROUGHLINE_BASE_PORT: String(basePort) };

let started: ReturnType<typeof begin>;
beforeAll(async () => {
  started = begin("npm", "start");
  await started.shows("sample orders");
}, 180_000);
afterAll(async () => {
  started.interrupt();
  await started.exit;
  await rm(folder, { recursive: true, force: true });
}, 60_000);

test("the commands on the board do what they say", async () => {
  const [place = "", list = "", report = "", ...others] = commandsOf(started.output());
  expect(others).toEqual([]);
  const { orderId } = JSON.parse((await run(place)).output);
  expect(JSON.parse((await run(list)).output)).toMatchObject({ orders: [{ orderId }] });
  expect(JSON.parse((await run(report)).output)).toMatchObject({
    orders: expect.anything(),
    revenue: expect.anything(),
  });
});

test("the console shows the way of an order through every service and broker", async () => {
  const [place = ""] = commandsOf(started.output());
  const { orderId } = JSON.parse((await run(place)).output);
  const snsSqs = "SNS → SQS";
  const kafka = missing.kafka === undefined ? "Kafka" : snsSqs;
  const rabbitmq = missing.rabbitmq === undefined ? "RabbitMQ" : snsSqs;
  const shows = async () => {
    const { text } = await call(`${url(0)}/orders/${orderId}`);
    const [happened = "", way = ""] = text.split("<h2>The way it took</h2>");
    expect(rowsIn(happened).map(([, service, what, data]) => `${service} ${what}: ${data}`)).toEqual(
      expect.arrayContaining([
        ...["order placed:", "billing charged:", "inventory shipped:"].map((event) => expect.stringContaining(event)),
        expect.stringMatching(`^order tells order.created: .*has left for ${snsSqs}`),
        `billing tells payment.requested: has left for ${rabbitmq}`,
        `inventory tells stock.reserved: has left for ${kafka}`,
      ]),
    );
    expect(rowsIn(way).map(([, service, road]) => `${service}: ${road}`)).toEqual(
      expect.arrayContaining([
        ...[`order: ${snsSqs}`, `billing: ${snsSqs}`, `inventory: ${snsSqs}`, `billing: ${rabbitmq}`],
        ...["order", "billing", "inventory", "analytics"].map((service) => `${service}: ${kafka}`),
      ]),
    );
  };
  await vi.waitFor(shows, { timeout: 60_000, interval: 250 });
}, 90_000);

test("the commands in the README do what they say", async () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const commands = commandsOf(moved(readme));
  expect(commands.length).toBeGreaterThan(2);
  for (const command of commands) {
    // Others may have no kcat, which is a tool of theirs and none of ours.
    if ((await run(`command -v ${command.split(" ")[0]}`)).code !== 0) continue;
    const { code, output } = await run(command);
    expect({ command, code }).toEqual({ command, code: 0 });
    expect(JSON.parse(output)).not.toHaveProperty("detail");
  }
});

test.skipIf(missing.kafka !== undefined)(
  "a service runs alone as its README says",
  async () => {
    const readme = readFileSync(join(root, "services/order/README.md"), "utf8");
    const [command = ""] = /^PORT=(?:.*\\\n)+.*$/m.exec(moved(readme)) ?? [];
    const alone = begin("sh", "-c", command.replace(/^PORT=\d+/, "PORT=0"));
    await Promise.race([alone.shows('"listening"'), alone.exit]);
    alone.interrupt();
    await alone.exit;
    expect(alone.output()).toContain('"listening"');
  },
  60_000,
);

test("the link on the board makes an operator of whoever follows it, in every service", async () => {
  const [, link = "", token = ""] = /(http\S+\/sign-in)#(\S+)/.exec(started.output()) ?? [];
  const body = new URLSearchParams({ token, next: "/" });
  const signedIn = await fetch(link, { method: "POST", body, redirect: "manual" });
  expect(signedIn.status).toBe(303);
  const cookie = signedIn.headers.get("set-cookie")?.split(";")[0] ?? "";
  expect(await (await fetch(url(0), { headers: { cookie } })).text()).toContain(", operator");
  expect((await fetch(`${url(1)}/orders`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
  const { output } = await run("npm run -s token -- nobody");
  const own = await fetch(`${url(1)}/orders`, { headers: { authorization: `Bearer ${output.trim()}` } });
  expect(await own.json()).toEqual({ orders: [] });
  const logs = globSync("**/output.log", { cwd: dataDir }).map((file) => readFileSync(join(dataDir, file), "utf8"));
  expect(logs.filter((log) => log.includes(token.split(".")[2] ?? ""))).toEqual([]);
});

test.skipIf(missing.kafka !== undefined)(
  "the drill of breaking something does what it says",
  async () => {
    const text = readFileSync(join(root, "docs/drills/break-something.md"), "utf8");
    const here = moved(text)
      .replaceAll("/tmp/throughline-token", join(folder, "token"))
      .replace("count=1000", "count=30");
    const commands = [...here.matchAll(/^(?:npm run|curl) .*$/gm)].map(([command]) => command);
    const [token = "", rush = "", poison = "", slow = "", drops = "", well = "", off = "", on = "", ...last] = commands;
    const one = rush.replace("count=30", "count=1");
    const does = async (command: string) => expect(await run(command)).toMatchObject({ code: 0 });
    await does(token);
    await does(rush);
    await settled();
    await does(poison);
    await seen(({ troubles }) => troubles.some(({ text }) => text === "billing: 1 dead letter"));
    await does(slow);
    await does(rush);
    await seen(({ places }) => places.some(({ id, mood }) => id === "listens billing.work" && mood === "wait"));
    const failedBefore = await attemptsThatFailed();
    await does(drops);
    await does(rush);
    await vi.waitUntil(async () => (await attemptsThatFailed()) > failedBefore, { timeout: 60_000, interval: 250 });
    await settled();
    await does(well);
    await does(off);
    await seen(({ troubles }) => troubles.some(({ text }) => text.startsWith("Kafka does not answer")));
    await does(one);
    await does(on);
    await seen(({ troubles }) => !troubles.some(({ text }) => text.startsWith("Kafka")));
    await settled();
    for (const command of last) await does(command);
  },
  300_000,
);

test("a second start, and a reset, are told that it runs already", async () => {
  expect(await run("npm start")).toMatchObject({ code: 1, output: expect.stringContaining(`see ${url(0)}`) });
  expect(await run("npm run reset")).toMatchObject({ code: 1, errors: expect.stringContaining("Ctrl-C first") });
});

test("a service that is killed comes back", async () => {
  const { pid } = await get<{ pid: number }>(`${url(2)}/status`);
  process.kill(pid, "SIGKILL");
  const next = async () => (await get<{ pid: number }>(`${url(2)}/status`)).pid;
  await vi.waitFor(async () => expect(await next()).not.toBe(pid), { timeout: 60_000, interval: 100 });
  expect(started.output()).toContain("billing ended by SIGKILL; it starts again.");
}, 90_000);

test("Ctrl-C ends every process and keeps the data, until they are reset", async () => {
  const pids = globSync("**/pid", { cwd: dataDir }).map((file) =>
    Number.parseInt(readFileSync(join(dataDir, file), "utf8"), 10),
  );
  expect(pids.length).toBeGreaterThan(8);
  const { orders } = await get<{ orders: unknown[] }>(`${url(1)}/orders?limit=100`);
  started.interrupt();
  expect(await started.exit).toEqual([0, null]);
  expect(pids.filter(isAlive)).toEqual([]);

  started = begin("npm", "start");
  await started.shows("sample orders");
  const kept = await get<{ orders: unknown[] }>(`${url(1)}/orders?limit=100`);
  expect(kept.orders.length).toBeGreaterThan(orders.length);
  started.interrupt();
  expect(await started.exit).toEqual([0, null]);

  expect(await run("npm run reset")).toMatchObject({ code: 0, output: expect.stringContaining("is forgotten") });
  expect(existsSync(dataDir)).toBe(false);
  expect(await run("npm run reset")).toMatchObject({ code: 0, output: expect.stringContaining("no data to forget") });
}, 240_000);

/** To the ports of this run. */
function moved(text: string): string {
  return text.replace(/127\.0\.0\.1:14(\d{3})/g, (_, offset) => `127.0.0.1:${basePort + Number(offset)}`);
}

type Flow = {
  readonly places: readonly { readonly id: string; readonly mood: string }[];
  readonly troubles: readonly { readonly text: string }[];
};

/** Until the console draws it so. */
function seen(isSo: (flow: Flow) => boolean): Promise<void> {
  const draws = async () => isSo((await get<{ readonly flow: Flow }>(`${url(0)}/snapshot`)).flow);
  return vi.waitUntil(draws, { timeout: 90_000, interval: 250 }).then(() => undefined);
}

/** In billing, of the work that needs the payment provider. */
async function attemptsThatFailed(): Promise<number> {
  type Consumer = { readonly group: string; readonly failed: number };
  const { consumers } = await get<{ readonly consumers: readonly Consumer[] }>(`${url(2)}/status`);
  return consumers.find(({ group }) => group === "billing.work")?.failed ?? 0;
}

/** The text of every cell, by rows. */
function rowsIn(markup: string): string[][] {
  return Array.from(markup.matchAll(/<tr>(.*?)<\/tr>/gs), ([, row = ""]) =>
    Array.from(row.matchAll(/<td.*?>(.*?)<\/td>/gs), ([, cell = ""]) => cell.replace(/<.*?>/gs, "")),
  );
}

/** Until no order waits for stock or money. */
function settled(): Promise<void> {
  const isSettled = async () => {
    const { orders } = await get<{ orders: readonly { readonly status: string }[] }>(`${url(1)}/orders?limit=100`);
    return orders.every(({ status }) => status !== "placed");
  };
  return vi.waitUntil(isSettled, { timeout: 90_000, interval: 250 }).then(() => undefined);
}

/** In a group of its own, all of which gets the signal of a Ctrl-C, as in a terminal. */
function begin(program: string, ...args: readonly string[]) {
  // Bash makes way for what it runs, and then npm's copy of the signal reaches the launcher as well.
  const shell = { npm_config_script_shell: "bash" };
  const child = spawn(program, args, {
    cwd: root,
    env: { ...env, ...shell },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
  const exit = once(child, "exit");
  return {
    exit,
    output: () => output,
    shows: (text: string) => vi.waitFor(() => expect(output).toContain(text), { timeout: 170_000, interval: 100 }),
    interrupt: () =>
      void (child.exitCode === null && child.signalCode === null && process.kill(-(child.pid ?? 0), "SIGINT")),
  };
}

type Result = { readonly code: number; readonly output: string; readonly errors: string };

function run(command: string): Promise<Result> {
  return new Promise((resolve) => {
    execFile("sh", ["-c", command], { cwd: root, env, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout, errors: stderr }),
    );
  });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // Not being there is the answer.
  }
}
