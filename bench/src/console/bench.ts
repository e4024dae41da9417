import type { Bench } from "../harness/bench.ts";

export const consoleBench: Bench = {
  name: "console",
  about:
    "Every service and broker as processes, 10,000 orders and 1,000 dead letters behind them, and 100 messages a second: the console's pages while somebody watches.",
  contenders: ["throughline"],
  figures: [
    { name: "slowest page, p95", unit: "ms" },
    { name: "all pages, p50", unit: "ms" },
    { name: "CPU", unit: "% of a core" },
  ],
  goals: [
    { id: "C1", figure: "slowest page, p95", of: "throughline", atMost: 200 },
    { id: "C2", figure: "CPU", of: "throughline", atMost: 5 },
  ],
  warmsUp: false,
  needs: ["kafka", "rabbitmq"],
};
