import type { Bench } from "../harness/bench.ts";
import { publishFigures } from "../harness/measure-publish.ts";

export const kafka: Bench = {
  name: "kafka",
  about: "The relay publishes a backlog to Kafka, and bare kafkajs the same messages from memory; acks=all.",
  contenders: ["kafkajs", "throughline", "throughline-platformatic"],
  figures: publishFigures,
  goals: [{ id: "P2", figure: "throughput", of: "throughline", than: { contender: "kafkajs" }, atLeast: 0.85 }],
  needs: ["kafka"],
};
