import { createEnvelope, type Envelope, RejectedError, runCausedBy, serializeEnvelope } from "@throughline/envelope";
import { expect } from "vitest";
import { PublishError } from "../publish-error.ts";
import { toError } from "../reason.ts";
import { idsOf, order } from "./bench.ts";
import type { TransportCase } from "./suite.ts";

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/** What a message carries. */
export const contentCases: readonly TransportCase[] = [
  {
    name: "any characters survive to the byte, in the body as in the key",
    async run({ bench, eventually }) {
      const { listen, publish } = await bench();
      const { handled } = await listen();
      const texts = ["Grüße 🛒", "日本語", "👩‍👩‍👧", "\u0000\u001f\u007f", "\ud800", '"\\/\n<&>', "e\u0301 ≠ é", " "];
      const sent = texts.map((text) => message(text, { [text]: text }));
      await publish(sent);
      await eventually(() => expect(wiresOf(handled)).toEqual(wiresOf(sent)));
      for (const { key, data } of handled) expect(data).toEqual({ [key]: key });
    },
  },
  {
    name: "a correlation id of any characters survives",
    async run({ bench, eventually }) {
      const { listen, publish } = await bench();
      const { handled } = await listen();
      const sent = runCausedBy({ correlationId: 'Bestellung "ü" 🛒' }, () => order("order-1"));
      await publish([sent]);
      await eventually(() => expect(handled).toEqual([sent]));
    },
  },
  {
    name: "bodies of up to 200 KiB arrive whole",
    async run({ bench, eventually }) {
      const { listen, publish } = await bench();
      const { handled } = await listen();
      const sent = [0, 1_024, 65_536, 204_800, 204_800].map((bytes, n) => messageOfBytes(`order-${n}`, bytes));
      await publish(sent);
      await eventually(() => expect(wiresOf(handled)).toEqual(wiresOf(sent)));
    },
  },
  {
    name: "an envelope whose every field is at its longest arrives whole, and so does its dead letter",
    async run({ bench, eventually }) {
      const { listen, publish, probe } = await bench();
      const long = `${"🛒".repeat(127)}ü`;
      const cause = { id: long, correlationId: long, traceparent };
      const sent: Envelope = { ...runCausedBy(cause, () => order(long, 2 ** 53 - 1)), version: "9999", source: long };
      const { begun } = await listen(() => Promise.reject(new RejectedError("no")));
      await publish([sent]);
      await eventually(() => expect(begun).toEqual([sent]));
      const [letter] = await probe.deadLetters("billing", "order.created", 1);
      expect(Buffer.from(letter?.body ?? []).toString()).toBe(serializeEnvelope(sent));
    },
  },
  {
    name: "an envelope that is too large is refused by its id, and what is not named arrives",
    async run({ bench, eventually }) {
      const { listen, publish, tooLargeBytes } = await bench();
      const { handled } = await listen();
      const before = [order("order-1"), order("order-2")];
      const tooLarge = messageOfBytes("order-1", tooLargeBytes);
      const after = [order("order-1", 3), order("order-3")];
      const { failures } = await failureOf(publish([...before, tooLarge, ...after]));
      expect(failures.filter(({ refused }) => refused).map(({ id }) => id)).toEqual([tooLarge.id]);
      const missing = new Set(failures.map(({ id }) => id));
      const arriving = [...before, ...after].filter(({ id }) => !missing.has(id));
      expect(arriving).toEqual(expect.arrayContaining(before));
      await eventually(() => expect(idsOf(handled)).toEqual(idsOf(arriving)));
    },
    exceptions: [{ key: "limit" }],
  },
  {
    name: "a message that no group asked for is refused, and its neighbours arrive",
    async run({ bench, eventually }) {
      const { listen, publish } = await bench();
      const { handled } = await listen();
      const [unasked, asked] = [order("order-1", 1, "order.cancelled"), order("order-2")];
      const { failures } = await failureOf(publish([unasked, asked]));
      expect(failures).toMatchObject([{ id: unasked.id, refused: true }]);
      await eventually(() => expect(handled).toEqual([asked]));
    },
    exceptions: [
      {
        key: "unroutable",
        instead: {
          name: "a message that no group asked for is taken, and its neighbours arrive",
          async run({ bench, eventually }) {
            const { listen, publish } = await bench();
            const { handled } = await listen();
            const [unasked, asked] = [order("order-1", 1, "order.cancelled"), order("order-2")];
            await publish([unasked, asked]);
            await eventually(() => expect(handled).toEqual([asked]));
          },
        },
      },
    ],
  },
  {
    name: "what a handler creates names the message that caused it",
    async run({ bench, eventually }) {
      const { listen, publish } = await bench();
      const created: Envelope[] = [];
      await listen(async ({ key }) => {
        await Promise.resolve();
        created.push(order(key, 2));
      });
      const sent = ["order-1", "order-2"].map((key) => runCausedBy({ correlationId: `of ${key}` }, () => order(key)));
      await runCausedBy({ id: "not the cause", correlationId: "not of it" }, () => publish(sent));
      await eventually(() => expect(created).toHaveLength(2));
      for (const { id, key, correlationId } of sent) {
        const effect = created.find((envelope) => envelope.key === key);
        expect(effect).toMatchObject({ causationId: id, correlationId });
      }
    },
  },
  {
    name: "the trace context travels, and goes on in what a handler creates",
    async run({ bench, eventually }) {
      const { listen, publish } = await bench();
      const created: Envelope[] = [];
      const { handled } = await listen(async ({ key }) => void created.push(order(key, 2)));
      const sent = runCausedBy({ correlationId: "any", traceparent }, () => order("order-1"));
      await publish([sent]);
      await eventually(() => expect(handled).toEqual([sent]));
      expect(created[0]?.traceparent?.slice(0, 35)).toBe(traceparent.slice(0, 35));
    },
  },
];

function message(key: string, data: unknown): Envelope {
  return createEnvelope({ type: "order.created", version: "1", key, data }, { source: "suite" });
}

/** An envelope whose wire text is that long, or as short as one can be. */
function messageOfBytes(key: string, bytes: number): Envelope {
  const empty = serializeEnvelope(message(key, "")).length;
  return message(key, "x".repeat(Math.max(0, bytes - empty)));
}

function wiresOf(envelopes: readonly Envelope[]): string[] {
  return envelopes.map(serializeEnvelope).sort();
}

/** How a publish failed that had to. */
async function failureOf(publishing: Promise<void>): Promise<PublishError> {
  const error = await publishing.then(() => "The publish resolved", toError);
  if (error instanceof PublishError) return error;
  throw new Error("A PublishError was expected", { cause: error });
}
