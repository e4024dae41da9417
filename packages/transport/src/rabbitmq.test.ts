import { testBrokers } from "@throughline/local/testing";
import { describe } from "vitest";
import { rabbitmqUnderTest } from "./rabbitmq/under-test.ts";
import { describeTransport } from "./testing.ts";

const url = testBrokers.rabbitmq ?? "";

describe.skipIf(url === "" && process.env.CI !== "true")("with a broker", () => {
  describeTransport("rabbitmq", (namespace) => rabbitmqUnderTest(url, namespace), {
    orderAcrossMembers: "consumers of one queue take turns",
  });
});
