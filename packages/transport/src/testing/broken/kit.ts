import type { DeadLetterRoad, Publisher, Subscriber, Subscription } from "../../transport.ts";
import { memoryUnderTest } from "../memory-under-test.ts";
import type { UnderTest } from "../under-test.ts";

export type BrokenTransport = {
  readonly fault: string;
  /** The names of the cases that must fail on it; others may fail as well. */
  readonly caughtBy: readonly string[];
  readonly connect: (namespace: string) => UnderTest;
};

export function withPublish(change: (publish: Publisher["publish"]) => Publisher["publish"]) {
  return (namespace: string) =>
    breakPublisher(memoryUnderTest(namespace), (publisher) => ({ ...publisher, publish: change(publisher.publish) }));
}

export function withSubscription(change: (subscription: Subscription) => Subscription) {
  return (namespace: string) => breakSubscription(memoryUnderTest(namespace), change);
}

export function withHandler(change: (handler: Subscription["handler"]) => Subscription["handler"]) {
  return withSubscription(({ handler, ...subscription }) => ({ ...subscription, handler: change(handler) }));
}

/** `road` is the sound one. */
export function withRoad(change: (road: DeadLetterRoad, underTest: UnderTest) => Partial<DeadLetterRoad>) {
  return (namespace: string): UnderTest => {
    const underTest = memoryUnderTest(namespace);
    const { transport } = underTest;
    const road = transport.deadLetters;
    return { ...underTest, transport: { ...transport, deadLetters: { ...road, ...change(road, underTest) } } };
  };
}

export function breakPublisher(underTest: UnderTest, change: (publisher: Publisher) => Publisher): UnderTest {
  const { transport } = underTest;
  const connectPublisher = async () => change(await transport.connectPublisher());
  return { ...underTest, transport: { ...transport, connectPublisher } };
}

export function breakSubscriber(underTest: UnderTest, change: (subscriber: Subscriber) => Subscriber): UnderTest {
  const { transport } = underTest;
  const connectSubscriber = async () => change(await transport.connectSubscriber());
  return { ...underTest, transport: { ...transport, connectSubscriber } };
}

export function breakSubscription(
  underTest: UnderTest,
  change: (subscription: Subscription) => Subscription,
): UnderTest {
  return breakSubscriber(underTest, (subscriber) => ({
    ...subscriber,
    subscribe: (subscription) => subscriber.subscribe(change(subscription)),
  }));
}

/** What a broken transport does with an error. */
export function forget(): void {}
