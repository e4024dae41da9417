import type { Bench } from "../harness/bench.ts";

export const wakeUp: Bench = {
  name: "wake-up",
  about: "What it costs those who commit that a relay is woken.",
  contenders: ["polling", "throughline", "notify"],
  figures: [
    { name: "at 16 connections", unit: "commits/s" },
    { name: "at 64 connections", unit: "commits/s" },
  ],
  goals: [
    { id: "P4", figure: "at 16 connections", of: "throughline", than: { contender: "polling" }, atLeast: 0.95 },
    { id: "P4", figure: "at 64 connections", of: "throughline", than: { contender: "polling" }, atLeast: 0.95 },
  ],
};
