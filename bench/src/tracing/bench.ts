import type { Bench, Goal } from "../harness/bench.ts";

const share = (of: string, atLeast: number, contender = "no-sdk"): Goal => {
  return { id: "P12", figure: "throughput", of, than: { contender }, atLeast };
};

export const tracing: Bench = {
  name: "tracing",
  about: "Enqueue and relay without the SDK of OpenTelemetry, and with it as the services start it.",
  contenders: ["no-sdk", "throughline-sampled-1", "throughline-sampled-all", "throughline-exporter-down"],
  figures: [
    { name: "throughput", unit: "messages/s" },
    { name: "processor", unit: "µs/message" },
  ],
  goals: [
    share("throughline-sampled-1", 0.92),
    share("throughline-sampled-all", 0.75),
    share("throughline-exporter-down", 0.9, "throughline-sampled-all"),
  ],
};
