import { type Envelope, serializeEnvelope } from "@throughline/envelope";
import type { IHeaders, KafkaMessage } from "kafkajs";
import { reasonOf } from "../reason.ts";
import { deadLetterTopicOf, topicOf } from "./topics.ts";

/** A message on its way to one topic. */
export type KafkaRecord = {
  readonly topic: string;
  readonly key: string | Buffer | null;
  readonly value: string | Buffer | null;
  readonly headers: IHeaders;
};

/** Where a message was read. */
export type Position = { readonly topic: string; readonly partition: number; readonly message: KafkaMessage };

export function recordOf(envelope: Envelope, namespace: string): KafkaRecord {
  const { id, type, version, source, key, correlationId, causationId, traceparent } = envelope;
  return {
    topic: topicOf(namespace, type),
    key,
    value: serializeEnvelope(envelope),
    headers: {
      id,
      eventType: type,
      schemaVersion: version,
      source,
      correlationId,
      ...(causationId === undefined ? {} : { causationId }),
      ...(traceparent === undefined ? {} : { traceparent }),
    },
  };
}

/** The message as it was, with the place it came from and the reason beside it. */
export function deadLetterOf(
  { topic, partition, message }: Position,
  group: string,
  attempts: number,
  error: Error,
): KafkaRecord {
  const reason = reasonOf(error);
  return {
    topic: deadLetterTopicOf(topic),
    key: message.key,
    value: message.value,
    headers: {
      ...message.headers,
      originalTopic: topic,
      originalPartition: String(partition),
      originalOffset: message.offset,
      originalTimestamp: message.timestamp,
      group,
      attempts: String(attempts),
      failedAt: new Date().toISOString(),
      errorName: reason.name,
      errorMessage: reason.message,
      errorStack: reason.stack,
    },
  };
}

export function headerOf({ headers }: KafkaMessage, name: string): string | undefined {
  const value = headers?.[name];
  return (Array.isArray(value) ? value[0] : value)?.toString();
}
