import type { Bench } from "../harness/bench.ts";

export const consoleBench: Bench = {
  name: "console",
  about:
    "Every service and broker as processes, 10,000 orders and 1,000 dead letters behind them, and 100 messages a second: what the console takes while somebody watches, then its pages.",
  contenders: ["throughline"],
  figures: [
    { name: "slowest page, p95", unit: "ms" },
    { name: "all pages, p50", unit: "ms" },
    { name: "CPU, watched", unit: "% of a core" },
  ],
  goals: [
    { id: "C1", figure: "slowest page, p95", of: "throughline", atMost: 200 },
    { id: "C2", figure: "CPU, watched", of: "throughline", atMost: 5 },
  ],
  warmsUp: false,
  needs: ["kafka", "rabbitmq"],
};
