const brokers = new Map([
  ["kafka", "Kafka"],
  ["rabbitmq", "RabbitMQ"],
  ["sns-sqs", "SNS → SQS"],
  // What spans call it.
  ["aws_sqs", "SNS → SQS"],
  ["sns-sqs-fifo", "SNS → SQS FIFO"],
]);

/** As people call it. */
export function brokerName(road: string): string {
  return brokers.get(road) ?? road;
}

/** `1 message`, `1,000 messages`. */
export function many(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

/** `1,000 parked behind 2 keys`. */
export function parkedWords(messages: number, keys: number): string {
  return `${messages.toLocaleString("en")} parked behind ${many(keys, "key")}`;
}

/** With one unit, which is enough to know what to do. */
export function duration(ms: number): string {
  const units = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "min"],
    [1_000, "s"],
  ] as const;
  const [size, unit] = units.find(([each]) => ms >= each) ?? [1, "ms"];
  return `${Math.floor(ms / size)} ${unit}`;
}
