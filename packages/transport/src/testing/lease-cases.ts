import { setTimeout } from "node:timers/promises";
import { expect } from "vitest";
import { createGate } from "./gate.ts";
import { idsOf, order, orders } from "./messages.ts";
import type { TransportCase } from "./suite.ts";

/** Who holds a message while it is handled. */
export const leaseCases: readonly TransportCase[] = [
  {
    name: "a slow handler keeps its message",
    async run({ bench, eventually }) {
      const { listen, publish, drained, leaseMs } = await bench();
      const end = createGate();
      const members = [await listen(() => end.opened), await listen(() => end.opened)];
      const idsIn = (part: "begun" | "handled") => idsOf(members.flatMap((member) => member[part]));
      const sent = orders(3);
      await publish(sent);
      await eventually(() => expect(idsIn("begun")).toEqual(idsOf(sent)));
      // The one clock of the suite: what is shown is that after this time nothing has happened.
      await setTimeout(2 * leaseMs + 100);
      end.open();
      await eventually(() => expect(idsIn("handled")).toEqual(idsOf(sent)));
      await drained();
      expect(idsIn("begun")).toEqual(idsOf(sent));
    },
  },
  {
    name: "a frozen subscriber loses its message to another, and does no harm when it goes on",
    async run({ bench, eventually }) {
      const { listen, publish, drained, transport, elsewhere } = await bench();
      const frozen = await elsewhere();
      const thaw = createGate();
      const sleeper = await frozen.listen(() => thaw.opened);
      const sent = order("order-1");
      await publish([sent]);
      await eventually(() => expect(sleeper.begun).toHaveLength(1));
      frozen.line.swallow();
      const other = await listen();
      await eventually(() => expect(other.handled).toEqual([sent]));
      thaw.open();
      frozen.line.heal();
      const later = orders(20);
      await publish(later);
      await eventually(() =>
        expect(new Set(idsOf([...other.handled, ...sleeper.handled]))).toEqual(new Set(idsOf([sent, ...later]))),
      );
      await drained();
      expect(other.handled.filter(({ id }) => id === sent.id)).toHaveLength(1);
      expect(await transport.backlog("billing", ["order.created"])).toEqual({ waiting: 0, deadLetters: 0 });
    },
    exceptions: [{ key: "line" }],
  },
];
