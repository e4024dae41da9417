/** Codes of AMQP 0-9-1 that mean something to us (https://www.rabbitmq.com/amqp-0-9-1-reference.html#constants). */
export const amqp = { notFound: 404, preconditionFailed: 406 } as const;

/** What the broker gave as its reason. Undefined where it was not the broker that said no. */
export function amqpCodeOf(error: unknown): number | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "number" ? error.code : undefined;
}
