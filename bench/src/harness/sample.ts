import { createEnvelope, type Envelope, type Message } from "@throughline/envelope";
import { idOf } from "./tally.ts";

const keys = 1_000;
const filling = "x".repeat(40);
const items = Array.from({ length: 5 }, (_, index) => ({ sku: `sku-${index}`, note: filling, amountInCents: 1_496 }));

/** What all contenders carry: about 0.6 KiB of JSON, one of a thousand keys, and an id that says its number. */
export function sampleOf(number: number): Required<Message> {
  const key = `order-${number % keys}`;
  return { id: idOf(number), type: "order.created", version: "1", key, data: { number, customerId: key, items } };
}

/** The samples from 0 on, in portions, as they are loaded. */
export function* portionsOf(count: number, size = 1_000): Generator<Required<Message>[]> {
  for (let from = 0; from < count; from += size) {
    yield Array.from({ length: Math.min(size, count - from) }, (_, index) => sampleOf(from + index));
  }
}

/** The same as `enqueue` has them leave, for those who publish without an outbox. */
export function envelopesOf(count: number): Envelope[] {
  return [...portionsOf(count)].flat().map((sample) => createEnvelope(sample, { source: "order-service" }));
}
