import { monitorEventLoopDelay } from "node:perf_hooks";
import { type DiagLogger, DiagLogLevel, diag, metrics } from "@opentelemetry/api";
import { endTelemetry, onTelemetryEnd } from "./telemetry-end.ts";

/**
 * `node --import @throughline/service/preload src/main.ts` sends this process's spans by OTLP over HTTP to
 * OTEL_EXPORTER_OTLP_ENDPOINT, under the name OTEL_SERVICE_NAME; without an endpoint it does nothing, and loads nothing.
 * The packages make their own spans, because libraries for messaging overwrite the trace that the outbox has stored; with
 * OTEL_NODE_ENABLED_INSTRUMENTATIONS=pg one makes them for statements. With OTEL_METRICS_EXPORTER=otlp metrics go there as
 * well. All other OTEL_* variables of the SDK work; these are their defaults here.
 */
const defaults = {
  OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
  OTEL_EXPORTER_OTLP_TIMEOUT: "3000",
  OTEL_METRICS_EXPORTER: "none",
  OTEL_METRIC_EXPORT_INTERVAL: "10000",
  OTEL_METRIC_EXPORT_TIMEOUT: "3000",
  OTEL_LOGS_EXPORTER: "none",
  OTEL_NODE_RESOURCE_DETECTORS: "env,serviceinstance",
  OTEL_BSP_SCHEDULE_DELAY: "1000",
  OTEL_BSP_EXPORT_TIMEOUT: "3000",
  OTEL_BSP_MAX_QUEUE_SIZE: "8192",
  OTEL_TRACES_SAMPLER_ARG: "1",
};

/** The end of a process waits this long for its last spans, and no longer: they are not worth a hanging shutdown. */
const flushMs = 2_000;

if (process.env.OTEL_EXPORTER_OTLP_ENDPOINT) await start();

async function start(): Promise<void> {
  for (const [name, value] of Object.entries(defaults)) process.env[name] ||= value;
  const { NodeSDK } = await import("@opentelemetry/sdk-node");
  const { createSampler } = await import("./sampler.ts");
  const sampler = createSampler(Number(process.env.OTEL_TRACES_SAMPLER_ARG));
  // With a sampler of somebody's own choice, what is linked to others is one root among many.
  const sdk = new NodeSDK(process.env.OTEL_TRACES_SAMPLER ? {} : { sampler });
  if (!process.env.OTEL_LOG_LEVEL) diag.setLogger(firstWarnings(), { logLevel: DiagLogLevel.WARN });
  sdk.start();
  if (process.env.OTEL_NODE_ENABLED_INSTRUMENTATIONS === "pg") (await import("./statement-spans.ts")).spanStatements();
  if (process.env.OTEL_METRICS_EXPORTER !== "none") observeEventLoop();
  onTelemetryEnd(() => atMost(flushMs, sdk.shutdown()));
  process.once("beforeExit", () => void endTelemetry());
}

/** How late the event loop was since the last export: what a handler that computes costs all others. */
function observeEventLoop(): void {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  const meter = metrics.getMeter("throughline");
  const p99 = meter.createObservableGauge("nodejs.eventloop.delay.p99", { unit: "s" });
  const max = meter.createObservableGauge("nodejs.eventloop.delay.max", { unit: "s" });
  meter.addBatchObservableCallback(
    (result) => {
      result.observe(p99, delay.percentile(99) / 1e9);
      result.observe(max, delay.max / 1e9);
      delay.reset();
    },
    [p99, max],
  );
}

/** An exporter that is down says so with every batch; the first time is enough, for spans and for metrics. */
function firstWarnings(): DiagLogger {
  const told = new Set<string>();
  function tell(message: string): void {
    const signal = /metric/i.test(message) ? "metrics" : "spans";
    const detail = `Further faults with ${signal} are not shown`;
    if (!told.has(signal)) process.emitWarning(`Telemetry: ${message}`, { detail });
    told.add(signal);
  }
  return { error: tell, warn: tell, info: () => {}, debug: () => {}, verbose: () => {} };
}

/** Resolves when `work` has ended, however, or after `ms`. What was lost has been told by the exporter. */
async function atMost(ms: number, work: Promise<void>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([Promise.allSettled([work]), late]);
  clearTimeout(timer);
}
