import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createEnvelope, type Envelope } from "@throughline/envelope";
import { expect } from "vitest";
import type { Workshop } from "./bench.ts";
import { createGate } from "./gate.ts";
import type { TransportCase } from "./suite.ts";

const filler = "x".repeat(512);
const mostPerCall = 1_000;
/** More than were in hand: it goes on from the broker. How fast, is no matter here. */
const enough = 200;
/** Less than fifty thousand are, and far more than the cases that run beside this one come and go with. */
const mostHeldBytes = 48 * 1_024 * 1_024;

/** More than can be handled. */
export const pressureCases: readonly TransportCase[] = [
  {
    name: "fifty thousand messages wait at the broker and not in the subscriber, while its handlers are stuck",
    run: (workshop) => waitAtBroker(workshop, 50_000),
    exceptions: [
      { key: "line" },
      {
        key: "crowd",
        instead: {
          name: "two thousand messages wait at the broker and not in the subscriber, while its handlers are stuck",
          run: (workshop) => waitAtBroker(workshop, 2_000),
        },
      },
    ],
  },
];

async function waitAtBroker({ bench, eventually }: Workshop, count: number): Promise<void> {
  const { publish, elsewhere } = await bench();
  const [absent, stuck] = [await elsewhere(), await elsewhere()];
  const sent = Array.from({ length: count }, (_, n) => bulky(`order-${n}`));
  async function publishRange(from: number, to: number): Promise<void> {
    for (let at = from; at < to; at += mostPerCall) await publish(sent.slice(at, Math.min(at + mostPerCall, to)));
  }
  await (await absent.listen()).subscriber[Symbol.asyncDispose]();
  // Most of them before anybody listens: a broker may be in this process itself, and hold them.
  await publishRange(0, 0.9 * count);
  const before = bytesInUse();
  const release = createGate();
  const { begun, handled } = await stuck.listen(() => release.opened, { concurrency: 5 });
  await publishRange(0.9 * count, count);
  await eventually(() => expect(begun).toHaveLength(5));
  expect(stuck.line.received).toBeLessThan((count * filler.length) / 4);
  expect(bytesInUse() - before).toBeLessThan(mostHeldBytes);
  release.open();
  await eventually(() => expect(handled.length).toBeGreaterThan(enough));
}

/** What this process holds, without what is garbage. */
function bytesInUse(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function bulky(key: string): Envelope {
  return createEnvelope({ type: "order.created", version: "1", key, data: { filler } }, { source: "suite" });
}
