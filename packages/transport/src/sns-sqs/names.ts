/** `dev-order-created`: AWS allows no dots in names. */
export function topicName(namespace: string, type: string): string {
  return checked("topic", `${namespace}-${type}`.replaceAll(".", "-"), 256);
}

/** `dev-*`: all topics of a namespace. */
export function topicPattern(namespace: string): string {
  return `${namespace.replaceAll(".", "-")}-*`;
}

/** `dev-billing`, and `dev-billing-work` for the group `billing.work`. */
export function queueName(namespace: string, group: string): string {
  return checked("queue", `${namespace}-${group}`.replaceAll(".", "-"), 80 - deadLetterSuffix.length);
}

/** `dev-billing-dlq`. */
export function deadLetterQueueName(namespace: string, group: string): string {
  return queueName(namespace, group) + deadLetterSuffix;
}

const deadLetterSuffix = "-dlq";

function checked(kind: string, name: string, longest: number): string {
  if (name.length <= longest && /^[\w-]+$/.test(name)) return name;
  throw new Error(
    `"${name}" is no ${kind} name: expected at most ${longest} letters, digits, dots, dashes, underscores`,
  );
}
