import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { enqueue, startRelay } from "@throughline/outbox";
import type { Measure } from "../harness/bench.ts";
import { settle } from "../harness/raw-database.ts";
import { portionsOf } from "../harness/sample.ts";
import { openServiceDatabase } from "../harness/service-database.ts";
import { sinkTransport } from "../harness/sink-transport.ts";
import { createTally } from "../harness/tally.ts";
import { timed } from "../harness/timed.ts";
import { within } from "../harness/within.ts";

const messages = 10_000;
const perTransaction = 20;

/** Transactions of twenty messages one after another, and a relay that publishes them meanwhile. */
export const measureTracing: Measure = async ({ databaseUrl }) => {
  await using database = await openServiceDatabase(databaseUrl);
  await settle(databaseUrl);
  const tally = createTally(messages);
  await using opened = new AsyncDisposableStack();
  opened.use(await startRelay(database.handle, { to: [{ transport: sinkTransport(tally.take) }] }));
  let memory = 0;
  const sampler = setInterval(() => {
    memory = Math.max(memory, process.memoryUsage.rss() / 2 ** 20);
  }, 100);
  const { seconds, cpuSeconds } = await timed(async () => {
    for (const portion of portionsOf(messages, perTransaction)) {
      await database.handle.transaction((tx) => enqueue(tx, "order-service", portion));
    }
    await within(60_000, tally.complete);
  });
  clearInterval(sampler);
  await opened.disposeAsync();
  const processor = (1e6 * cpuSeconds) / messages;
  return { figures: { throughput: messages / seconds, processor, memory }, tallies: [tally] };
};

let tracing: Promise<void> | undefined;

type Tracing = { readonly sampled: number; readonly collector: "up" | "slow" | "down" };

/** The same with the SDK as `node --import @throughline/service/telemetry` starts it. `sampled` is a share. */
export function traced({ sampled, collector }: Tracing): Measure {
  return async (place) => {
    tracing ??= startTracing({ sampled, collector });
    await tracing;
    return measureTracing(place);
  };
}

async function startTracing({ sampled, collector }: Tracing): Promise<void> {
  const port = collector === "down" ? 9 : await startCollector(collector === "slow" ? 5_000 : 0);
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${port}`;
  process.env.OTEL_TRACES_SAMPLER_ARG = String(sampled);
  await import("@throughline/service/telemetry");
}

async function startCollector(answerAfterMs: number): Promise<number> {
  const collector = fork(fileURLToPath(new URL("collector-process.ts", import.meta.url)), [String(answerAfterMs)]);
  const [port] = (await once(collector, "message")) as [number];
  return port;
}
