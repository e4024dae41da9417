import type { Bench } from "../harness/bench.ts";

export const projection: Bench = {
  name: "projection",
  about: "A read side catches up with 500,000 events, a row each, a batch and its checkpoint in one transaction.",
  contenders: ["log-reader", "throughline"],
  figures: [
    { name: "throughput", unit: "events/s" },
    { name: "processor", unit: "µs/event" },
  ],
  goals: [{ id: "P11", figure: "throughput", of: "throughline", than: { contender: "log-reader" }, atLeast: 0.5 }],
};
