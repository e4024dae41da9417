/** The names of Kafka's own errors (`MESSAGE_TOO_LARGE`) in `error` and its causes, whichever library threw it. */
export function codesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  // @platformatic/kafka finds out by itself, and then has no code.
  const unknown = error.message.startsWith("Unknown topic ") ? ["UNKNOWN_TOPIC_OR_PARTITION"] : [];
  const own = [...unknown, ...["type", "apiId"].flatMap((name) => textOf(error, name))];
  const parts = "errors" in error && Array.isArray(error.errors) ? error.errors.flatMap(codesOf) : [];
  return [...new Set([...own, ...parts, ...codesOf(error.cause)])];
}

/** Whether the same may go well in a moment: the coordinator loads, a leader is elected, nobody listens yet. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // kafkajs calls this one final, although a fresh cluster has no coordinator until its internal topic is made.
  if (error.name === "KafkaJSGroupCoordinatorNotFound") return true;
  if ("retriable" in error && error.retriable === true) return true;
  if ("canRetry" in error && error.canRetry === true) return true;
  const parts = "errors" in error && Array.isArray(error.errors) ? error.errors : [];
  return [...parts, error.cause].some(isTransient);
}

/** An error after which the same may go well in a moment. */
export function transient(message: string): Error {
  return Object.assign(new Error(message), { retriable: true });
}

/** Rejects when `promise` takes longer than `timeoutMs`: libraries bound each request, but not the retries around it. */
export async function within<Result>(timeoutMs: number, what: string, promise: Promise<Result>): Promise<Result> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(transient(`${what} took longer than ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

function textOf(error: Error, name: string): string[] {
  const value: unknown = Reflect.get(error, name);
  return typeof value === "string" ? [value] : [];
}
