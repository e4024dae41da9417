import { snsSqsUnderTest } from "./sns-sqs/under-test.ts";
import { describeTransport } from "./testing.ts";

const noOrder = "SQS standard queues promise none";

describeTransport("sns-sqs", (namespace) => snsSqsUnderTest(namespace), {
  order: noOrder,
  orderAfterFailure: noOrder,
  orderAcrossMembers: noOrder,
  anyBytes: "SNS and SQS carry text",
  lastNote: "SQS itself sets aside what it has delivered that often",
  line: "not shown yet",
  limit: "not shown yet",
  unroutable: "a topic forgets what nobody asked for",
});

describeTransport("sns-sqs-fifo", (namespace) => snsSqsUnderTest(namespace, { fifo: true }), {
  anyBytes: "SNS and SQS carry text",
  lastNote: "SQS itself sets aside what it has delivered that often",
  line: "not shown yet",
  limit: "not shown yet",
  unroutable: "a topic forgets what nobody asked for",
});
