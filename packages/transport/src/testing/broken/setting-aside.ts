import { memoryUnderTest } from "../memory-under-test.ts";
import type { FoundLetter, UnderTest } from "../under-test.ts";
import { type BrokenTransport, breakSubscriber, withSubscription } from "./kit.ts";

/** Wrong about what becomes of what cannot be handled. */
export const brokenSettingAside: readonly BrokenTransport[] = [
  {
    fault: "stops at bytes that are no envelope",
    caughtBy: ["bytes that are no envelope are set aside, and the next message is handled"],
    connect: (namespace) =>
      breakSubscriber(memoryUnderTest(namespace), (subscriber) => ({
        ...subscriber,
        subscribe: ({ onFailure, ...subscription }) =>
          subscriber.subscribe({
            ...subscription,
            async onFailure(failure) {
              onFailure?.(failure);
              if (failure.envelope === undefined) await subscriber[Symbol.asyncDispose]();
            },
          }),
      })),
  },
  {
    fault: "keeps failures to itself",
    caughtBy: ["a handler that throws gets the same message again", "a rejected message is set aside at once"],
    connect: withSubscription(({ onFailure, ...subscription }) => subscription),
  },
  {
    fault: "keeps dead letters without their reason",
    caughtBy: [
      "a rejected message is set aside at once",
      "a message that fails every attempt is set aside, and its neighbours are handled",
      "bytes that are no envelope are set aside, and the next message is handled",
    ],
    connect: withFoundLetter(({ body }) => ({ body, reason: "" })),
  },
  {
    fault: "keeps dead letters in other bytes",
    caughtBy: [
      "a rejected message is set aside at once",
      "bytes that are no envelope are set aside, and the next message is handled",
      "an error of any length and any characters keeps no message from being set aside",
    ],
    connect: withFoundLetter(({ body, reason }) => ({ body: Buffer.from(`${Buffer.from(body)} `), reason })),
  },
];

function withFoundLetter(change: (letter: FoundLetter) => FoundLetter) {
  return (namespace: string): UnderTest => {
    const { probe, ...others } = memoryUnderTest(namespace);
    const deadLetters: typeof probe.deadLetters = async (...question) =>
      (await probe.deadLetters(...question)).map(change);
    return { ...others, probe: { ...probe, deadLetters } };
  };
}
