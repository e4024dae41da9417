import type { Bench } from "../harness/bench.ts";

export const write: Bench = {
  name: "write",
  about: "What a transaction that writes one business row pays for telling of it.",
  contenders: [
    "business-only",
    "throughline",
    "sql-two-statements",
    "graphile-worker",
    "pg-boss",
    "pg-transactional-outbox",
  ],
  figures: [
    { name: "at 1 connection", unit: "commits/s" },
    { name: "at 16 connections", unit: "commits/s" },
  ],
  goals: [
    { id: "P5", figure: "at 1 connection", of: "throughline", than: { contender: "business-only" }, atLeast: 0.85 },
    { id: "P5", figure: "at 16 connections", of: "throughline", than: { contender: "business-only" }, atLeast: 0.75 },
  ],
};
