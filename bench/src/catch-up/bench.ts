import type { Bench } from "../harness/bench.ts";

export const catchUp: Bench = {
  name: "catch-up",
  about:
    "500 messages a second while RabbitMQ is away for a minute: how long until the relay is less than a second behind.",
  contenders: ["throughline"],
  figures: [
    { name: "caught up after", unit: "s" },
    { name: "most behind", unit: "messages" },
  ],
  goals: [{ id: "L1", figure: "caught up after", of: "throughline", atMost: 10 }],
  needs: ["rabbitmq"],
  warmsUp: false,
};
