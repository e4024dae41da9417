import { describe } from "vitest";
import { brokers, clients } from "./kafka/testing/shop.ts";
import { kafkaUnderTest } from "./kafka/testing/under-test.ts";
import { describeTransport } from "./testing.ts";

// With CI=true a missing broker is a failure.
describe.skipIf(brokers.length === 0 && process.env.CI !== "true").each(clients)(
  "on a real broker, by %s",
  (client) => {
    describeTransport("kafka", (namespace) => kafkaUnderTest(namespace, client), {
      unroutable: "a topic keeps what nobody asked for, for those who will",
    });
  },
);
