import type { Bench } from "../harness/bench.ts";

export const backlog: Bench = {
  name: "backlog",
  about: "The same drain with 100,000 messages in the backlog, and with a million.",
  contenders: ["sql-floor", "throughline"],
  figures: [
    { name: "at 100 k", unit: "messages/s" },
    { name: "at 1 M", unit: "messages/s" },
    { name: "memory at 100 k", unit: "MB" },
    { name: "memory at 1 M", unit: "MB" },
    { name: "memory growth", unit: "MB" },
  ],
  goals: [
    { id: "P6", figure: "at 1 M", of: "throughline", than: { figure: "at 100 k" }, atLeast: 0.9 },
    { id: "P6", figure: "memory growth", of: "throughline", atMost: 20 },
    { id: "P9", figure: "memory at 1 M", of: "throughline", atMost: 200 },
  ],
};
