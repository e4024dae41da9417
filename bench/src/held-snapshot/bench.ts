import type { Bench } from "../harness/bench.ts";

export const heldSnapshot: Bench = {
  name: "held-snapshot",
  about: "The same drain while another session holds a snapshot open, so that nothing dead can be cleaned away.",
  contenders: ["sql-floor", "throughline"],
  figures: [
    { name: "throughput", unit: "messages/s" },
    { name: "last tenth", unit: "messages/s" },
    { name: "first tenth", unit: "messages/s" },
  ],
  goals: [{ id: "P7", figure: "last tenth", of: "throughline", than: { figure: "first tenth" }, atLeast: 0.9 }],
};
