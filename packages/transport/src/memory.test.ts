import { memoryUnderTest } from "./testing/memory-under-test.ts";
import { describeTransport } from "./testing.ts";

describeTransport("memory", (namespace) => memoryUnderTest(namespace), {
  unroutable: "a queue begins with its group",
});
