import { newId } from "@throughline/envelope";
import { vi } from "vitest";
import { createMemoryBroker, createMemoryLine, type MemoryBroker, memoryTransport } from "../memory.ts";
import type { UnderTest } from "./under-test.ts";

const sharedBroker = createMemoryBroker();

/** The memory transport as the suite wants it; by default all namespaces are on one broker, as on any real one. */
export function memoryUnderTest(namespace: string, broker: MemoryBroker = sharedBroker) {
  const line = createMemoryLine();
  return {
    transport: memoryTransport({ namespace, broker, line }),
    line,
    tooLargeBytes: 256 * 1_024 + 1,
    probe: {
      publishRaw: async (type, bytes) =>
        broker.publish(namespace, { type, key: newId(), headers: { eventType: type }, body: Buffer.from(bytes) }),
      async deadLetters(group, type, count) {
        const { letters } = broker.group(namespace, group).shelf;
        await vi.waitUntil(() => letters.size >= count, { interval: 20, timeout: 10_000 });
        const asked = [...letters].filter((shelved) => shelved.type === type);
        return asked.map(({ letter: { body, error } }) => ({ body, reason: error.message }));
      },
    },
  } satisfies UnderTest;
}
