import { createEnvelope, type Envelope } from "@throughline/envelope";
import { expect } from "vitest";
import type { Workshop } from "./bench.ts";
import { createGate } from "./gate.ts";
import type { TransportCase } from "./suite.ts";

const filler = "x".repeat(512);
const mostPerCall = 1_000;
/** More than were in hand: it goes on from the broker. How fast, is no matter here. */
const enough = 200;

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
  const stuck = await elsewhere();
  const release = createGate();
  const { begun, handled } = await stuck.listen(() => release.opened, { concurrency: 5 });
  const sent = Array.from({ length: count }, (_, n) => bulky(`order-${n}`));
  for (let from = 0; from < count; from += mostPerCall) await publish(sent.slice(from, from + mostPerCall));
  await eventually(() => expect(begun).toHaveLength(5));
  expect(stuck.line.received).toBeLessThan((count * filler.length) / 4);
  release.open();
  await eventually(() => expect(handled.length).toBeGreaterThan(enough));
}

function bulky(key: string): Envelope {
  return createEnvelope({ type: "order.created", version: "1", key, data: { filler } }, { source: "suite" });
}
