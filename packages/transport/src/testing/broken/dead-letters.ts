import { newId, parseEnvelope, serializeEnvelope } from "@throughline/envelope";
import type { DeadLetter } from "../../transport.ts";
import { type BrokenTransport, forget, withRoad } from "./kit.ts";

/** Wrong about what was set aside. */
export const brokenInDeadLetters: readonly BrokenTransport[] = [
  {
    fault: "drains other bytes than came",
    caughtBy: [
      "a letter holds the message as it came, and what became of it",
      "what is no envelope is drained and redelivered to the byte",
    ],
    connect: withLetter((letter) => ({ ...letter, body: Buffer.concat([letter.body, Buffer.from(" ")]) })),
  },
  {
    fault: "loses the headers in the drain",
    caughtBy: ["a letter holds the message as it came, and what became of it"],
    connect: withLetter((letter) => ({ ...letter, headers: {} })),
  },
  {
    fault: "leaves the failure among the headers",
    caughtBy: ["a letter holds the message as it came, and what became of it"],
    connect: withLetter((letter) => ({ ...letter, headers: { ...letter.headers, error: letter.error.message } })),
  },
  {
    fault: "takes every letter for the first attempt's",
    caughtBy: ["a letter holds the message as it came, and what became of it"],
    connect: withLetter((letter) => ({ ...letter, attempts: 1 })),
  },
  {
    fault: "removes a letter before it is taken",
    caughtBy: [
      "a letter that could not be taken stays, and comes again",
      "a process that dies with a letter in hand loses none",
    ],
    connect: withRoad(({ drain }) => ({
      drain: (group, types, take, onError) =>
        drain(group, types, async (letter) => void take(letter).catch(forget), onError),
    })),
  },
  {
    fault: "stops at the first letter that could not be taken",
    caughtBy: ["a letter that could not be taken stays, and comes again"],
    connect: withRoad(({ drain }) => ({
      async drain(group, types, take) {
        const drained: AsyncDisposable = await drain(group, types, take, () => void drained[Symbol.asyncDispose]());
        return drained;
      },
    })),
  },
  {
    fault: "drains what is there, and not what follows",
    caughtBy: ["a drain goes on with what is set aside later, until it is closed"],
    connect: withRoad(({ drain }) => ({
      async drain(...question) {
        const drained = await drain(...question);
        setTimeout(() => drained[Symbol.asyncDispose](), 0);
        return drained;
      },
    })),
  },
  {
    fault: "drains on when it is closed",
    caughtBy: ["a drain goes on with what is set aside later, until it is closed"],
    connect: withRoad(({ drain }) => ({
      async drain(...question) {
        await drain(...question);
        return { async [Symbol.asyncDispose]() {} };
      },
    })),
  },
  {
    fault: "drains whatever group's letters",
    caughtBy: ["a drain leaves the letters of other groups where they are"],
    connect: withRoad(({ drain }) => ({
      async drain(_group, ...question) {
        await using drains = new AsyncDisposableStack();
        for (const group of ["billing", "inventory"]) drains.use(await drain(group, ...question));
        const kept = drains.move();
        return { [Symbol.asyncDispose]: () => kept.disposeAsync() };
      },
    })),
  },
  {
    fault: "redelivers to every group",
    caughtBy: ["a redelivered letter comes back to its group and no other, with its id and all its attempts"],
    connect: withRoad((_road, { transport }) => ({
      async redeliver({ body }) {
        await using publisher = await transport.connectPublisher();
        await publisher.publish([parseEnvelope(body)]);
      },
    })),
  },
  {
    fault: "redelivers under a new id",
    caughtBy: ["a redelivered letter comes back to its group and no other, with its id and all its attempts"],
    connect: withRoad(({ redeliver }) => ({
      redeliver: (letter) =>
        redeliver({ ...letter, body: Buffer.from(serializeEnvelope({ ...parseEnvelope(letter.body), id: newId() })) }),
    })),
  },
  {
    fault: "refuses to redeliver what is no envelope",
    caughtBy: ["what is no envelope is drained and redelivered to the byte"],
    connect: withRoad(({ redeliver }) => ({
      async redeliver(letter) {
        parseEnvelope(letter.body);
        await redeliver(letter);
      },
    })),
  },
];

function withLetter(change: (letter: DeadLetter) => DeadLetter) {
  return withRoad(({ drain }) => ({
    drain: (group, types, take, onError) => drain(group, types, (letter) => take(change(letter)), onError),
  }));
}
