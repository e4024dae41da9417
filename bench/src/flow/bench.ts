import type { Bench } from "../harness/bench.ts";

export const flow: Bench = {
  name: "flow",
  about:
    "Every service and broker as processes: all purchases of the demo, from the first POST to the last effect, audited.",
  contenders: ["throughline"],
  figures: [
    { name: "settled", unit: "orders/s" },
    { name: "POST, p50", unit: "ms" },
    { name: "POST, p99", unit: "ms" },
  ],
  goals: [{ id: "P13", figure: "settled", of: "throughline", atLeast: 150 }],
  warmsUp: false,
};
