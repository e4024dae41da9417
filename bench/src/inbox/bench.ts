import type { Bench } from "../harness/bench.ts";

export const inbox: Bench = {
  name: "inbox",
  about: "A handler that writes one row, without an inbox, with one, and with one that commits many together.",
  contenders: ["handler-only", "throughline-one-each", "throughline", "throughline-side-by-side"],
  figures: [
    { name: "throughput", unit: "messages/s" },
    { name: "processor", unit: "µs/message" },
  ],
  goals: [
    { id: "P8", figure: "throughput", of: "throughline-one-each", than: { contender: "handler-only" }, atLeast: 0.8 },
    {
      ...{ id: "P8", figure: "throughput", of: "throughline-side-by-side" },
      ...{ than: { contender: "throughline-one-each" }, atLeast: 10 },
    },
  ],
};
