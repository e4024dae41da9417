import { snsSqsOnLine } from "./sns-sqs/under-test.ts";
import { describeTransport } from "./testing.ts";

const ofBoth = {
  anyBytes: "SNS and SQS carry text",
  crowd: "the emulator takes longer for fifty thousand than a test should",
  unroutable: "a topic forgets what nobody asked for",
};
const noOrder = "SQS standard queues promise none";

describeTransport("sns-sqs", (namespace) => snsSqsOnLine(namespace), {
  order: noOrder,
  orderAfterFailure: noOrder,
  orderAcrossMembers: noOrder,
  ...ofBoth,
});

describeTransport("sns-sqs-fifo", (namespace) => snsSqsOnLine(namespace, true), ofBoth);
