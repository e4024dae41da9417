import type { Envelope } from "@throughline/envelope";
import { expect } from "vitest";
import type { Workshop } from "./bench.ts";
import { expectDeadLetters } from "./found-letters.ts";
import { order } from "./messages.ts";
import type { TransportCase } from "./suite.ts";

const malformedTexts = ['{"id":', "[]", '{"hello":"world"}', "not JSON"].map((text) => Buffer.from(text));
const malformedBytes = [
  Buffer.from([0xff, 0x00, 0xfe, 0x80]),
  Buffer.from('{"key":"\xe4"}', "latin1"),
  Buffer.alloc(0),
];

/** What becomes of bytes that no publisher of ours has sent. */
export const malformedCases: readonly TransportCase[] = [
  {
    name: "bytes that are no envelope are set aside, and the next message is handled",
    run: (workshop) => setAsideMalformed(workshop, [...malformedTexts, ...malformedBytes]),
    exceptions: [
      {
        key: "anyBytes",
        instead: {
          name: "text that is no envelope is set aside, and the next message is handled",
          run: (workshop) => setAsideMalformed(workshop, malformedTexts),
        },
      },
    ],
  },
];

async function setAsideMalformed({ bench, eventually }: Workshop, malformed: readonly Buffer[]): Promise<void> {
  const { listen, publish, probe } = await bench();
  const { handled, failures } = await listen();
  for (const bytes of malformed) await probe.publishRaw("order.created", bytes);
  const sent: Envelope = order("order-1");
  await publish([sent]);
  await eventually(() => expect(handled).toEqual([sent]));
  await eventually(() => expect(failures).toHaveLength(malformed.length));
  expect(failures.every((failure) => failure.deadLettered && failure.envelope === undefined)).toBe(true);
  await expectDeadLetters(probe, malformed, /no envelope/);
}
