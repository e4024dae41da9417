/** The names of one namespace on SNS and SQS. AWS allows no dots in them; those of FIFO topics and queues end in `.fifo`. */
export type Names = {
  /** `dev-order-created`. */
  topic(type: string): string;
  /** `dev-*`: all topics of the namespace. */
  readonly allTopics: string;
  /** `dev-billing`, and `dev-billing-work` for the group `billing.work`. */
  queue(group: string): string;
  /** `dev-billing-dlq`: what the group has set aside. */
  deadLetters(group: string): string;
  /** `dev-billing-undelivered`: what SNS could not deliver to the group's queue. */
  undelivered(group: string): string;
};

const deadLetterSuffix = "-dlq";
const undeliveredSuffix = "-undelivered";
const longestQueueName = 80;
const longestTopicName = 256;

export function namesIn(namespace: string, fifo: boolean): Names {
  const ending = fifo ? ".fifo" : "";
  const dashed = (name: string) => `${namespace}-${name}`.replaceAll(".", "-");
  const longestGroup = longestQueueName - undeliveredSuffix.length - ending.length;
  const queue = (group: string, suffix: string) => checked("queue", dashed(group), longestGroup) + suffix + ending;
  return {
    topic: (type) => checked("topic", dashed(type), longestTopicName - ending.length) + ending,
    allTopics: dashed("*"),
    queue: (group) => queue(group, ""),
    deadLetters: (group) => queue(group, deadLetterSuffix),
    undelivered: (group) => queue(group, undeliveredSuffix),
  };
}

function checked(kind: string, name: string, longest: number): string {
  if (name.length <= longest && /^[\w-]+$/.test(name)) return name;
  throw new Error(
    `"${name}" is no ${kind} name: expected at most ${longest} letters, digits, dots, dashes, underscores`,
  );
}
