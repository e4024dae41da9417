import type { Bench } from "../harness/bench.ts";

export const ordering: Bench = {
  name: "ordering",
  about: "Twelve writers that think and roll back, and a reader at their heels, by four ways to know what may be read.",
  contenders: ["throughline", "position-cursor", "xid-cursor", "emmett-statement"],
  figures: [
    { name: "committed", unit: "rows/s" },
    { name: "lost", unit: "rows" },
    { name: "doubled", unit: "rows" },
    { name: "out of order", unit: "rows" },
  ],
  goals: ["lost", "doubled", "out of order"].map((figure) => ({ id: "log", figure, of: "throughline", atMost: 0 })),
};
