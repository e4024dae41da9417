import type { ConnectionOptions } from "node:tls";
import { Kafka, logLevel, type SASLOptions } from "kafkajs";
import "./timer-loop.ts";
import type { TopicOptions } from "./topics.ts";

export type KafkaSettings = {
  readonly brokers: readonly string[];
  readonly namespace: string;
  readonly clientId: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly topics: Readonly<Record<string, TopicOptions>>;
  readonly sessionTimeoutMs: number;
  readonly ssl?: boolean | ConnectionOptions;
  readonly sasl?: SASLOptions;
};

/**
 * A client for one producer, consumer or admin: two consumers of one group that share a client also share its cache of
 * committed offsets, and the second to join empties it under the first.
 */
export function createClient({ brokers, clientId, ssl, sasl }: KafkaSettings): Kafka {
  return new Kafka({
    brokers: [...brokers],
    clientId,
    connectionTimeout: 3_000,
    requestTimeout: 8_000,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 4 },
    // Silent, because all that matters also arrives as a rejected promise or as the consumer's CRASH event.
    logLevel: logLevel.NOTHING,
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl }),
  });
}

/** Rejects when `promise` takes longer than `timeoutMs`: kafkajs bounds each request, but not the retries around it. */
export async function within<Result>(timeoutMs: number, what: string, promise: Promise<Result>): Promise<Result> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`${what} took longer than ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether the same may go well in a moment: the coordinator loads, a leader is elected, nobody listens yet. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // kafkajs calls this one final, although a fresh cluster has no coordinator until its internal topic is made.
  if (error.name === "KafkaJSGroupCoordinatorNotFound") return true;
  return ("retriable" in error && error.retriable === true) || isTransient(error.cause);
}

/** The names of Kafka's own errors (`MESSAGE_TOO_LARGE`) in `error` and its causes. */
export function protocolErrorsOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const own = "type" in error && typeof error.type === "string" ? [error.type] : [];
  const parts = "errors" in error && Array.isArray(error.errors) ? error.errors.flatMap(protocolErrorsOf) : [];
  return [...own, ...parts, ...protocolErrorsOf(error.cause)];
}
