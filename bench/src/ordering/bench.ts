import type { Bench, Goal } from "../harness/bench.ts";

const none = (figure: string): Goal => ({ id: "log", figure, of: "throughline", atMost: 0, inEveryRound: true });
/** A table in which these lost nothing would say nothing of who else lost nothing. */
const some = (of: string): Goal => ({ id: "control", figure: "lost", of, atLeast: 1 });

export const ordering: Bench = {
  name: "ordering",
  about:
    "Twelve writers that think, roll back and are cut off, and a reader at their heels, by ways to know what may be read.",
  contenders: ["position-cursor", "throughline", "throughline-without-trigger", "xid-cursor", "emmett-statement"],
  figures: [
    { name: "committed", unit: "rows/s" },
    { name: "lost", unit: "rows" },
    { name: "doubled", unit: "rows" },
    { name: "out of order", unit: "rows" },
  ],
  goals: [
    ...["lost", "doubled", "out of order"].map(none),
    ...["position-cursor", "throughline-without-trigger"].map(some),
  ],
};
