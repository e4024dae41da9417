/** The flow is watched, as it is when somebody is on call; then pages are asked for as well, one after the other. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startServices } from "@throughline/local/services";
import type { Measure } from "../harness/bench.ts";
import { quantile } from "../harness/statistics.ts";
import { insertLetters, kind } from "./letters.ts";

const basePort = 15_800;
const history = 10_000;
const letters = 1_000;
/** Each tells five messages. */
const ordersPerSecond = 20;
/** Watched alone, and then as long while pages are asked for. */
const seconds = 60;

export const measure: Measure = async ({ databaseUrl, namespace, snsSqs, kafka = "", rabbitmq = "" }) => {
  await using opened = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), "throughline-console-"));
  opened.defer(() => rm(dataDir, { recursive: true }));
  const keyFile = join(dataDir, "key.json");
  const otlp = `http://127.0.0.1:${basePort + 50}`;
  const services = opened.use(
    await startServices({
      brokers: { postgres: databaseUrl, snsSqs, kafka, rabbitmq },
      ...{ namespace, basePort, dataDir, databasePrefix: `${namespace}_`, log: () => {} },
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: otlp, DEVELOPMENT_KEY_FILE: keyFile },
      envOf: { console: { OTLP_PORT: String(basePort + 50), OTEL_EXPORTER_OTLP_ENDPOINT: "", TRY_IT: "true" } },
    }),
  );
  const { order, inventory, console: pages } = services.url;
  for (const sku of skus) await send(`${inventory}/stock/${sku}`, "PUT", { onHand: 1_000_000 });
  const place = () => send(`${order}/orders`, "POST", orderOf(skus));
  await sideBySide(history, 16, place);
  await settled(order);
  await insertLetters(services.databaseUrl.billing ?? "", letters);

  const watching = new AbortController();
  opened.defer(() => watching.abort());
  void watch(pages, watching.signal);
  const placing = placeSteadily(place);
  const pid = services.process.console?.pid ?? 0;
  const [before, startedAt] = [cpuMsOf(pid), performance.now()];
  await pause(seconds * 1_000);
  const cpu = ((cpuMsOf(pid) - before) / (performance.now() - startedAt)) * 100;
  const taken = await visit(pages, order, operatorToken(keyFile));
  await placing;
  const slowest = Math.max(...[...taken.values()].map((times) => quantile(times.toSorted(ascending), 0.95)));
  const all = [...taken.values()].flat().toSorted(ascending);
  return {
    figures: { "slowest page, p95": slowest, "all pages, p50": quantile(all, 0.5), "CPU, watched": cpu },
    tallies: [],
  };
};

/** As many as a shop has, so that orders seldom wait for each other's stock. */
const skus = Array.from({ length: 100 }, (_, index) => `cd-${index + 1}`);

function orderOf(known: readonly string[]) {
  const sku = known[Math.floor(Math.random() * known.length)];
  return { customerId: "bench", currency: "USD", items: [{ sku, quantity: 1, amountInCents: 1_499 }] };
}

const story = "/orders/";

function operatorToken(keyFile: string): string {
  const program = fileURLToPath(new URL("../../../packages/service/src/token.ts", import.meta.url));
  const env = { ...process.env, DEVELOPMENT_KEY_FILE: keyFile };
  return execFileSync(process.execPath, [program, "operator"], { env, encoding: "utf8" }).trim();
}

/** A page each 200 ms, in turn, as an operator; milliseconds by page. */
async function visit(console: string, order: string, token: string): Promise<ReadonlyMap<string, readonly number[]>> {
  const ofLetters = ["", `/${kind}`, "/billing-1", "/billing-1/edit", `/${kind}/preview`];
  const others = ["/", "/snapshot", story, "/outbox", "/outbox/order/kafka/replay?from=1", "/try", "/sign-in"];
  const all = [...others, ...ofLetters.map((path) => `/dead-letters${path}`)];
  const taken = new Map(all.map((path): [string, number[]] => [path, []]));
  for (const endsAt = performance.now() + seconds * 1_000; performance.now() < endsAt; ) {
    for (const path of all) {
      // The newest each time: what the console keeps of the others' traces is soon gone.
      const address = path === story ? path + (await newestSettled(order)) : path;
      const askedAt = performance.now();
      const answer = await fetch(console + address, {
        headers: { authorization: `Bearer ${token}` },
        redirect: "manual",
      });
      await answer.arrayBuffer();
      if (!answer.ok) throw new Error(`GET ${address} was answered ${answer.status}`);
      taken.get(path)?.push(performance.now() - askedAt);
      await pause(200);
    }
  }
  return taken;
}

async function placeSteadily(place: () => Promise<void>): Promise<void> {
  const startedAt = performance.now();
  const answers: Promise<void>[] = [];
  for (let nth = 0; nth < ordersPerSecond * 2 * seconds; nth += 1) {
    await pause(Math.max(0, startedAt + (nth * 1_000) / ordersPerSecond - performance.now()));
    answers.push(place());
  }
  await Promise.all(answers);
}

/** Looks at the flow, as a browser does, until it is told to stop. */
async function watch(url: string, signal: AbortSignal): Promise<void> {
  try {
    const { body } = await fetch(url, { signal, headers: { accept: "text/event-stream" } });
    for await (const _ of body ?? []) if (signal.aborted) return;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Resolves once none of the newest orders waits for anything. */
async function settled(order: string): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if ((await newestOrders(order)).every(isSettled)) return;
    await pause(200);
  }
  throw new Error("The orders were not settled within two minutes");
}

async function newestSettled(order: string): Promise<string> {
  const found = (await newestOrders(order)).find(isSettled);
  if (found === undefined) throw new Error("None of the newest orders is settled");
  return found.orderId;
}

type Order = { readonly orderId: string; readonly status: string };

async function newestOrders(order: string): Promise<readonly Order[]> {
  const { orders } = (await (await fetch(`${order}/orders?limit=100`)).json()) as { readonly orders: readonly Order[] };
  return orders;
}

function isSettled({ status }: Order): boolean {
  return status !== "placed";
}

async function sideBySide(count: number, width: number, work: () => Promise<void>): Promise<void> {
  let left = count;
  const worker = async () => {
    for (; left > 0; ) {
      left -= 1;
      await work();
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
}

async function send(url: string, method: string, body: object): Promise<void> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url, { method, body: JSON.stringify(body), headers });
  if (!answer.ok) throw new Error(`${method} ${url} was answered ${answer.status}: ${await answer.text()}`);
  await answer.arrayBuffer();
}

/** Of all its threads, in user and system; Linux counts it in hundredths of a second. */
function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function ascending(one: number, other: number): number {
  return one - other;
}
