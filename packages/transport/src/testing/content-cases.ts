import { type Envelope, RejectedError, runCausedBy, serializeEnvelope } from "@throughline/envelope";
import { expect } from "vitest";
import { message, messageOfBytes, order } from "./messages.ts";
import type { TransportCase } from "./suite.ts";

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

const mostBaggage = Object.fromEntries(
  Array.from({ length: 16 }, (_, number) => [`${number}`.padStart(64, "k"), "🛒".repeat(64)]),
);

/** What a message carries. */
export const contentCases: readonly TransportCase[] = [
  {
    name: "any characters survive to the byte, in the body as in the key",
    async run({ bench, eventually }) {
      const { listen, publish } = await bench();
      const { handled } = await listen();
      const texts = ["Grüße 🛒", "日本語", "👩‍👩‍👧", "\u0001\u001f\u007f", "\ud800", '"\\/\n<&>', "e\u0301 ≠ é", " "];
      const sent = texts.map((text) => message(text, { [text]: `${text}\u0000` }));
      await publish(sent);
      await eventually(() => expect(wiresOf(handled)).toEqual(wiresOf(sent)));
      for (const { key, data } of handled) expect(data).toEqual({ [key]: `${key}\u0000` });
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
      const told = runCausedBy(cause, () => order(long, 2 ** 53 - 1));
      const sent: Envelope = { ...told, version: "9999", source: long, baggage: mostBaggage };
      const { begun } = await listen(() => Promise.reject(new RejectedError("no")));
      await publish([sent]);
      await eventually(() => expect(begun).toEqual([sent]));
      const [letter] = await probe.deadLetters("billing", "order.created", 1);
      expect(Buffer.from(letter?.body ?? []).toString()).toBe(serializeEnvelope(sent));
    },
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

function wiresOf(envelopes: readonly Envelope[]): string[] {
  return envelopes.map(serializeEnvelope).sort();
}
