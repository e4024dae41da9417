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
  const { seconds, cpuSeconds } = await timed(async () => {
    for (const portion of portionsOf(messages, perTransaction)) {
      await database.handle.transaction((tx) => enqueue(tx, "order-service", portion));
    }
    await within(60_000, tally.complete);
  });
  await opened.disposeAsync();
  return { figures: { throughput: messages / seconds, processor: (1e6 * cpuSeconds) / messages }, tallies: [tally] };
};

let tracing: Promise<void> | undefined;

/** The same with the SDK as `node --import @throughline/service/telemetry` starts it. `sampled` is a share. */
export function traced({ sampled, isUp = true }: { readonly sampled: number; readonly isUp?: boolean }): Measure {
  return async (place) => {
    tracing ??= startTracing(sampled, isUp);
    await tracing;
    return measureTracing(place);
  };
}

async function startTracing(sampled: number, isUp: boolean): Promise<void> {
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${isUp ? await startCollector() : 9}`;
  process.env.OTEL_TRACES_SAMPLER_ARG = String(sampled);
  await import("@throughline/service/telemetry");
}

async function startCollector(): Promise<number> {
  const collector = fork(fileURLToPath(new URL("collector-process.ts", import.meta.url)));
  const [port] = (await once(collector, "message")) as [number];
  return port;
}
