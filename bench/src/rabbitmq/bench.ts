import type { Bench } from "../harness/bench.ts";
import { publishFigures } from "../harness/measure-publish.ts";

export const rabbitmq: Bench = {
  name: "rabbitmq",
  about: "The relay publishes a backlog to a quorum queue, and bare amqplib the same messages from memory; confirmed.",
  contenders: ["amqplib", "throughline"],
  figures: publishFigures,
  goals: [
    { id: "P2", figure: "throughput", of: "throughline", than: { contender: "amqplib" }, atLeast: 0.85 },
    { id: "P9", figure: "processor", of: "throughline", atMost: 40 },
  ],
  needs: ["rabbitmq"],
};
