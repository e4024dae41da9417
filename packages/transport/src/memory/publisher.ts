import { type Envelope, serializeEnvelope } from "@throughline/envelope";
import { PublishError, type PublishFailure } from "../publish-error.ts";
import type { Publisher } from "../transport.ts";
import type { MemoryBroker, MemoryMessage } from "./broker.ts";
import type { MemoryLine } from "./line.ts";

/** As much as the least of the brokers takes, which is SNS: what fits here fits everywhere. */
const mostBytes = 256 * 1_024;

export function createPublisher(broker: MemoryBroker, namespace: string, line: MemoryLine): Publisher {
  let isClosed = false;
  return {
    async publish(envelopes) {
      if (isClosed) throw new Error("This publisher is closed");
      await line.carry();
      const failures = publishInOrder(envelopes, (message) => broker.publish(namespace, message));
      if (failures.length > 0) throw new PublishError(failures);
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
    },
  };
}

/** What is too large holds back the later ones of its key. */
function publishInOrder(
  envelopes: readonly Envelope[],
  publish: (message: MemoryMessage) => void,
): readonly PublishFailure[] {
  const failures: PublishFailure[] = [];
  const held = new Set<string>();
  for (const envelope of envelopes) {
    const { id, key } = envelope;
    const message = toMessage(envelope);
    const { length } = message.body;
    if (length > mostBytes) {
      held.add(key);
      failures.push({ id, refused: true, cause: new Error(`${length} bytes, and ${mostBytes} are the most`) });
    } else if (held.has(key)) {
      failures.push({ id, refused: false, cause: new Error("Not sent, because one ahead of it failed") });
    } else publish(message);
  }
  return failures;
}

function toMessage(envelope: Envelope): MemoryMessage {
  const { type, key, traceparent } = envelope;
  const headers = { eventType: type, ...(traceparent === undefined ? {} : { traceparent }) };
  return { type, key, headers, body: Buffer.from(serializeEnvelope(envelope)) };
}
