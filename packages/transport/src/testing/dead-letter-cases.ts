import { type Envelope, runCausedBy, serializeEnvelope } from "@throughline/envelope";
import { expect } from "vitest";
import type { DeadLetter } from "../transport.ts";
import type { Bench } from "./bench.ts";
import { textOf } from "./found-letters.ts";
import { forever } from "./gate.ts";
import { order, orders } from "./messages.ts";
import type { TransportCase } from "./suite.ts";

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/** What becomes of messages that were set aside. */
export const deadLetterCases: readonly TransportCase[] = [
  {
    name: "a letter holds the message as it came, and what became of it",
    async run({ bench, eventually }) {
      const here = await bench();
      const sent = runCausedBy({ correlationId: 'Bestellung "ü" 🛒', traceparent }, () => order("order-1"));
      await setAside(here, [sent], { attempts: 2, error: new RangeError("out of stock 🛒") });
      const letters: DeadLetter[] = [];
      await here.drain(async (letter) => void letters.push(letter));
      await eventually(() => expect(letters).toHaveLength(1));
      expect(letters.map(textOf)).toEqual([serializeEnvelope(sent)]);
      expect(letters[0]).toMatchObject({
        group: "billing",
        origin: { name: expect.stringContaining(here.namespace) },
        error: { name: "RangeError", message: expect.stringContaining("out of stock") },
        attempts: 2,
        failedAt: expect.any(Date),
        headers: { traceparent },
      });
      expect(Object.values(letters[0]?.headers ?? {}).join(" ")).not.toContain("out of stock");
      const ageMs = Date.now() - Number(letters[0]?.failedAt);
      expect(ageMs).toBeLessThan(60_000);
    },
  },
  {
    name: "a letter that could not be taken stays, and comes again",
    async run({ bench, eventually }) {
      const here = await bench();
      const sent = orders(3);
      await setAside(here, sent);
      const [takenOf, errors]: [DeadLetter[], Error[]] = [[], []];
      let calls = 0;
      await here.drain(
        async (letter) => {
          calls += 1;
          if (calls === 1) throw new Error("no database");
          takenOf.push(letter);
        },
        { onError: (error) => errors.push(error) },
      );
      await eventually(() => expect(takenOf.map(textOf).sort()).toEqual(sent.map(serializeEnvelope).sort()));
      expect(errors).toMatchObject([{ message: expect.stringContaining("no database") }]);
      await eventually(async () => expect(await backlogOf(here)).toEqual({ waiting: 0, deadLetters: 0 }));
    },
  },
  {
    name: "a drain goes on with what is set aside later, until it is closed",
    async run({ bench, eventually }) {
      const here = await bench();
      const letters: DeadLetter[] = [];
      const drain = await here.drain(async (letter) => void letters.push(letter));
      await setAside(here, orders(2));
      await eventually(() => expect(letters).toHaveLength(2));
      await setAside(here, orders(1));
      await eventually(() => expect(letters).toHaveLength(3));
      await drain[Symbol.asyncDispose]();
      await setAside(here, orders(1));
      await eventually(async () => expect(await backlogOf(here)).toEqual({ waiting: 0, deadLetters: 1 }));
      expect(letters).toHaveLength(3);
    },
  },
  {
    name: "a drain leaves the letters of other groups where they are",
    async run({ bench, eventually }) {
      const here = await bench();
      const [mine, theirs] = [order("order-1"), order("order-2")];
      await setAside(here, [mine]);
      await setAside(here, [theirs], { group: "inventory" });
      const letters: DeadLetter[] = [];
      const takeAll = async (letter: DeadLetter) => void letters.push(letter);
      await using _first = await here.drain(takeAll, { group: "inventory" });
      await eventually(() => expect(letters.filter(({ group }) => group === "inventory").length).toBeGreaterThan(0));
      expect(letters.map(({ group }) => group)).not.toContain("billing");
      await here.drain(takeAll);
      await eventually(() => expect(letters.map(textOf)).toContain(serializeEnvelope(mine)));
    },
  },
  {
    name: "a process that dies with a letter in hand loses none",
    async run({ bench, eventually }) {
      const here = await bench();
      const sent = orders(5);
      await setAside(here, sent);
      const dying = await here.elsewhere();
      let inHand = 0;
      await dying.drain(() => {
        inHand += 1;
        return forever();
      });
      await eventually(() => expect(inHand).toBeGreaterThan(0));
      dying.line.cut();
      const letters: DeadLetter[] = [];
      await here.drain(async (letter) => void letters.push(letter));
      await eventually(() => expect(letters.map(textOf).sort()).toEqual(sent.map(serializeEnvelope).sort()));
    },
    exceptions: [{ key: "line" }],
  },
];

type How = { readonly group?: string; readonly attempts?: number; readonly error?: Error };

/** Resolves when `sent` are dead letters, and nobody listens any more. */
async function setAside(
  { listen, publish }: Bench,
  sent: readonly Envelope[],
  { group = "billing", attempts = 1, error = new Error("never") }: How = {},
): Promise<void> {
  const { promise: done, resolve } = Promise.withResolvers<void>();
  let count = 0;
  const onFailure = ({ deadLettered }: { readonly deadLettered: boolean }) => {
    if (deadLettered) count += 1;
    if (count === sent.length) resolve();
  };
  const { subscriber } = await listen(() => Promise.reject(error), { group, attempts, onFailure });
  await publish(sent);
  await done;
  await subscriber[Symbol.asyncDispose]();
}

function backlogOf({ transport }: Bench) {
  return transport.backlog("billing", ["order.created"]);
}
