/** Orders come when they come, however long the last one takes: one in four is traced, and its spans are the figures. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { startServices } from "@throughline/local/services";
import type { Measure } from "../harness/bench.ts";
import { quantile } from "../harness/statistics.ts";
import { startCollector } from "./collector.ts";

const basePort = 15_900;
const seconds = 15;
const rates = [10, 20, 40, 80, 120, 160];
const tracedEvery = 4;

export const measure: Measure = async ({ databaseUrl, namespace, snsSqs, kafka = "", rabbitmq = "" }) => {
  await using opened = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), "throughline-hops-"));
  opened.defer(() => rm(dataDir, { recursive: true }));
  const collector = opened.use(await startCollector());
  const services = opened.use(
    await startServices({
      brokers: { postgres: databaseUrl, snsSqs, kafka, rabbitmq },
      ...{ namespace, basePort, dataDir, databasePrefix: `${namespace}_`, log: () => {} },
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
      only: ["order", "billing", "inventory", "analytics", "payment-provider"],
    }),
  );
  const { order, inventory } = services.url;
  await call(`${inventory}/stock/cd-1`, "PUT", { onHand: 1_000_000 });
  const place = (traceparent: string) => call(`${order}/orders`, "POST", cd, { traceparent });
  await placeAt(20, 5, place); // Cold code is not what is measured.

  const whole = new Map<number, number>();
  let figures: Record<string, number> = {};
  for (const rate of rates) {
    const traced = await placeAt(rate, seconds, place);
    const durations = await collector.settled(traced);
    whole.set(rate, quantile(sorted(durations.whole ?? []), 0.99));
    if (rate === rates[0]) figures = figuresOf(durations);
    if (doubled(whole) !== undefined) break;
  }
  const limit = doubled(whole);
  return { figures: { ...figures, ...(limit !== undefined && { "p99 doubles at": limit }) }, tallies: [] };
};

const cd = { customerId: "bench", currency: "USD", items: [{ sku: "cd-1", quantity: 1, amountInCents: 1_499 }] };

/** Resolves, when all have been answered, with the ids of the traces. */
async function placeAt(rate: number, seconds: number, place: (traceparent: string) => Promise<void>) {
  const traced: string[] = [];
  const answers: Promise<void>[] = [];
  const startedAt = performance.now();
  for (let number = 0; number < rate * seconds; number++) {
    await pause(Math.max(0, startedAt + (number * 1_000) / rate - performance.now()));
    const traceId = crypto.randomUUID().replaceAll("-", "");
    const isTraced = number % tracedEvery === 0;
    if (isTraced) traced.push(traceId);
    answers.push(place(`00-${traceId}-${traceId.slice(0, 16)}-0${Number(isTraced)}`));
  }
  await Promise.all(answers);
  return traced;
}

async function call(url: string, method: string, body: object, headers: Record<string, string> = {}): Promise<void> {
  const init = { method, body: JSON.stringify(body), headers: { "content-type": "application/json", ...headers } };
  const answer = await fetch(url, init);
  if (!answer.ok) throw new Error(`${method} ${url} was answered ${answer.status}: ${await answer.text()}`);
  await answer.arrayBuffer();
}

function figuresOf(durations: Readonly<Record<string, readonly number[]>>): Record<string, number> {
  const entries = Object.entries(durations).flatMap(([hop, all]) => [
    [`${hop}, p50`, quantile(sorted(all), 0.5)] as const,
    [`${hop}, p99`, quantile(sorted(all), 0.99)] as const,
  ]);
  return Object.fromEntries(entries);
}

/** The first rate at which orders take twice as long as at the lowest. */
function doubled(whole: ReadonlyMap<number, number>): number | undefined {
  const [first = 0] = whole.values();
  return [...whole].find(([, p99]) => p99 > 2 * first)?.[0];
}

function sorted(values: readonly number[]): number[] {
  return values.toSorted((one, other) => one - other);
}
