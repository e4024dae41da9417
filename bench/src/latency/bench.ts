import type { Bench } from "../harness/bench.ts";

export const latency: Bench = {
  name: "latency",
  about: "50 messages a second, each on its own: how long from the end of its transaction to the sink.",
  contenders: ["sql-floor", "throughline", "throughline-polling", "graphile-worker", "pg-transactional-outbox"],
  figures: [
    { name: "p50", unit: "ms" },
    { name: "p99", unit: "ms" },
  ],
  goals: [
    { id: "P3", figure: "p50", of: "throughline", atMost: 2 },
    { id: "P3", figure: "p99", of: "throughline", than: { contender: "pg-transactional-outbox" }, atMost: 0.5 },
    { id: "P3", figure: "p99", of: "throughline-polling", atMost: 105 },
  ],
};
