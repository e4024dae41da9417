import type { Bench, Goal } from "../harness/bench.ts";

const share = (of: string, atLeast: number, contender = "no-sdk"): Goal => {
  return { id: "P12", figure: "throughput", of, than: { contender }, atLeast };
};
const undelivered = ["throughline-exporter-down", "throughline-exporter-slow"];

export const tracing: Bench = {
  name: "tracing",
  about: "Enqueue and relay without the SDK of OpenTelemetry, and with it as the services start it.",
  contenders: ["no-sdk", "throughline-sampled-1", "throughline-sampled-all", ...undelivered],
  figures: [
    { name: "throughput", unit: "messages/s" },
    { name: "processor", unit: "µs/message" },
    { name: "memory", unit: "MB" },
  ],
  goals: [
    share("throughline-sampled-1", 0.92),
    share("throughline-sampled-all", 0.75),
    ...undelivered.flatMap((of): Goal[] => [
      share(of, 0.9, "throughline-sampled-all"),
      { id: "P12", figure: "memory", of, than: { contender: "throughline-sampled-all" }, atMost: 1.1 },
    ]),
  ],
};
