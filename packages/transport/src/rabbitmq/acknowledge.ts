import type { ConfirmChannel, ConsumeMessage } from "amqplib";
import { traceBatch } from "../batch-span.ts";
import { toError } from "../reason.ts";
import { isSampled } from "../traceparent.ts";

/** What spans call the queue and the group that reads it. */
export type Place = { readonly queue: string; readonly group: string };

/** One message, for there is no order in which they end. It is on its way when this returns: RabbitMQ does not answer. */
export function acknowledge(channel: ConfirmChannel, message: ConsumeMessage, place: Place): void {
  let error: Error | undefined;
  try {
    channel.ack(message);
  } catch (thrown) {
    error = toError(thrown);
    throw error;
  } finally {
    if (isSampled(traceparentOf(message))) traceSettling(message, place, error);
  }
}

export function traceparentOf({ properties: { headers } }: ConsumeMessage): string | undefined {
  const traceparent: unknown = headers?.traceparent;
  return typeof traceparent === "string" ? traceparent : undefined;
}

function traceSettling(message: ConsumeMessage, { queue, group }: Place, error: Error | undefined): void {
  const attributes = {
    "messaging.system": "rabbitmq",
    "messaging.destination.name": queue,
    "messaging.consumer.group.name": group,
    "messaging.message.id": message.properties.messageId,
  };
  traceBatch([message], traceparentOf, { operation: "settle", on: queue, attributes, error });
}
