import type { Bench } from "../harness/bench.ts";

const hops = ["whole", "POST", "wait outbox", "publish", "wait broker", "process"];

export const hopsBench: Bench = {
  name: "hops",
  about:
    "Every service and broker as processes, orders at a fixed rate: from the POST to the last view, and each hop of it.",
  contenders: ["throughline"],
  figures: [
    { name: "whole, p50", unit: "ms" },
    ...hops.flatMap((hop) => [
      ...(hop === "whole" ? [] : [{ name: `${hop}, p50`, unit: "ms" }]),
      { name: `${hop}, p99`, unit: "ms" },
    ]),
    { name: "p99 doubles at", unit: "orders/s" },
  ],
  goals: [],
  warmsUp: false,
  needs: ["kafka", "rabbitmq"],
};
