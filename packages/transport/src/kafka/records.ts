import { type Envelope, serializeEnvelope } from "@throughline/envelope";
import { reasonOf } from "../reason.ts";
import { isSampled } from "../traceparent.ts";
import type { KafkaMessage, KafkaRecord } from "./library.ts";
import { deadLetterTopicOf, topicOf } from "./topics.ts";

export function recordOf(envelope: Envelope, namespace: string): KafkaRecord {
  const { id, type, version, source, key, correlationId, causationId, traceparent } = envelope;
  return {
    topic: topicOf(namespace, type),
    key,
    value: serializeEnvelope(envelope),
    headers: headersOf({
      id,
      eventType: type,
      schemaVersion: version,
      source,
      correlationId,
      causationId,
      traceparent,
    }),
  };
}

/** Names the group for which a dead letter was put back: others have had the message, and pass it over. */
export const redeliveryHeader = "redeliveredTo";

/** What stands beside a dead letter, behind the headers that came with the message, which may have the same names. */
export const failureHeaders = [
  ...["originalTopic", "originalPartition", "originalOffset", "originalTimestamp"],
  ...["group", "attempts", "failedAt", "errorName", "errorMessage", "errorStack"],
];

/** The message as it was, with the place it came from and the reason beside it. */
export function deadLetterOf(message: KafkaMessage, group: string, attempts: number, error: Error): KafkaRecord {
  const { topic, partition, offset, timestamp, key, value, headers } = message;
  const reason = reasonOf(error);
  const failure = headersOf({
    originalTopic: topic,
    originalPartition: String(partition),
    originalOffset: String(offset),
    originalTimestamp: String(timestamp),
    group,
    attempts: String(attempts),
    failedAt: new Date().toISOString(),
    errorName: reason.name,
    errorMessage: reason.message,
    errorStack: reason.stack,
  });
  const own = withoutLast(headers, [redeliveryHeader]);
  return { topic: deadLetterTopicOf(topic), key, value, headers: [...own, ...failure] };
}

/** Of a header that stands there several times, the last counts. */
export function headerOf({ headers }: Pick<KafkaRecord, "headers">, name: string): string | undefined {
  return headers.findLast(([one]) => one === name)?.[1].toString();
}

/** The `traceparent` of a message that is sampled; of any other no text is made. */
export function sampledTraceOf({ headers }: Pick<KafkaMessage, "headers">): string | undefined {
  const bytes = headers.findLast(isTraceparent)?.[1];
  return isSampled(bytes) ? bytes?.toString() : undefined;
}

function isTraceparent([name]: KafkaMessage["headers"][number]): boolean {
  return name === "traceparent";
}

export function withoutLast<Header extends readonly [string, unknown]>(
  headers: readonly Header[],
  names: readonly string[],
): Header[] {
  const last = new Set(names.map((name) => headers.findLastIndex(([one]) => one === name)));
  return headers.filter((_, index) => !last.has(index));
}

export function headersOf(headers: Readonly<Record<string, string | undefined>>): [string, string][] {
  return Object.entries(headers).filter((header): header is [string, string] => header[1] !== undefined);
}
