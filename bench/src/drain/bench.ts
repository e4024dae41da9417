import type { Bench } from "../harness/bench.ts";

export const drain: Bench = {
  name: "drain",
  about: "A backlog leaves the database into a sink that does nothing.",
  contenders: ["sql-floor", "log-reader", "throughline", "graphile-worker", "pg-boss", "pg-transactional-outbox"],
  figures: [
    { name: "throughput", unit: "messages/s" },
    { name: "processor", unit: "µs/message" },
  ],
  goals: [
    { id: "P1", figure: "throughput", of: "throughline", than: { contender: "sql-floor" }, atLeast: 1 },
    { id: "P1", figure: "throughput", of: "throughline", than: { contender: "graphile-worker" }, atLeast: 2.5 },
    { id: "P1", figure: "throughput", of: "throughline", than: { contender: "pg-transactional-outbox" }, atLeast: 60 },
    { id: "P9", figure: "processor", of: "throughline", atMost: 10 },
  ],
};
