import type { Bench, Goal } from "../harness/bench.ts";

const twice = (figure: string, of = "throughline"): Goal => {
  return { id: "P10", figure, of, than: { contender: "emmett" }, atLeast: 2 };
};

export const eventStore: Bench = {
  name: "event-store",
  about: "Appending to streams, loading one of 100 events, and whole commands: load, decide, append, and tell.",
  contenders: ["sql-floor", "throughline", "throughline-shared", "emmett"],
  figures: [
    { name: "append", unit: "1/s" },
    { name: "append, 16 at once", unit: "1/s" },
    { name: "load", unit: "1/s" },
    { name: "command", unit: "1/s" },
    { name: "command, 16 at once", unit: "1/s" },
  ],
  goals: [
    ...["append", "append, 16 at once", "load", "command"].map((figure) => twice(figure)),
    twice("command, 16 at once", "throughline-shared"),
  ],
};
