import type { Bench } from "../harness/bench.ts";

export const sns: Bench = {
  name: "sns",
  about: "The relay publishes a backlog to SNS: how many messages share a call, each of which costs money.",
  contenders: ["throughline"],
  figures: [
    { name: "per call", unit: "messages" },
    { name: "throughput", unit: "messages/s" },
  ],
  goals: [{ id: "P2", figure: "per call", of: "throughline", atLeast: 9.5 }],
};
