import { setImmediate } from "node:timers/promises";
import type { Envelope } from "@throughline/envelope";
import { expect } from "vitest";
import { AwayError } from "../away-error.ts";
import { PublishError } from "../publish-error.ts";
import type { Workshop } from "./bench.ts";
import { forever } from "./gate.ts";
import { idsOf, order, orders } from "./messages.ts";
import type { TransportCase } from "./suite.ts";

/** Accidents between a process and its broker. */
export const lineCases: readonly TransportCase[] = [
  {
    name: "what a process had in hand when it died, another gets",
    async run({ bench, eventually }) {
      const { listen, publish, elsewhere } = await bench();
      const dying = await elsewhere();
      const { begun } = await dying.listen(forever, { concurrency: 3 });
      const sent = orders(10);
      await publish(sent);
      await eventually(() => expect(begun.length).toBeGreaterThan(0));
      dying.line.cut();
      const { handled } = await listen();
      await eventually(() => expect(idsOf(handled)).toEqual(idsOf(sent)));
    },
    exceptions: [{ key: "line" }],
  },
  {
    name: "a subscriber that loses its connection goes on by itself, and misses nothing",
    async run({ bench, eventually }) {
      const { publish, drained, transport, elsewhere } = await bench();
      const unlucky = await elsewhere();
      const { handled } = await unlucky.listen(() => setImmediate());
      const sent = orders(40);
      await publish(sent.slice(0, 20));
      unlucky.line.cut();
      await publish(sent.slice(20));
      unlucky.line.heal();
      await eventually(() => expect(new Set(idsOf(handled))).toEqual(new Set(idsOf(sent))));
      await drained();
      expect((await transport.backlog("billing", ["order.created"])).deadLetters).toBe(0);
    },
    exceptions: [{ key: "line" }],
  },
  {
    name: "a publish rejects while the broker is away, and both ends go on when it is back",
    run: (workshop) => survive(workshop, "cut"),
    exceptions: [{ key: "line" }],
  },
  {
    name: "a publish rejects that gets no answer, and both ends go on when there are answers again",
    run: (workshop) => survive(workshop, "swallow"),
    exceptions: [{ key: "line" }],
  },
  {
    name: "what a failed publish does not name, the broker has",
    async run({ bench, eventually }) {
      const { publish, line, elsewhere } = await bench();
      const { handled } = await (await elsewhere()).listen(undefined, { concurrency: 50 });
      await publish([]);
      const sent = orders(300);
      const publishing = [0, 100, 200].map((from) => missingOf(publish, sent.slice(from, from + 100)));
      await setImmediate();
      line.cut();
      const missing = new Set((await Promise.all(publishing)).flat());
      const arrived = () => new Set(idsOf(handled));
      await eventually(() => expect(sent.filter(({ id }) => !missing.has(id) && !arrived().has(id))).toEqual([]));
      line.heal();
      await eventually(() => publish(sent.filter(({ id }) => missing.has(id))));
      await eventually(() => expect(arrived()).toEqual(new Set(idsOf(sent))));
    },
    exceptions: [{ key: "line" }],
  },
  {
    name: "whoever subscribes while the broker is away is told just that, and may when it is back",
    async run({ bench, eventually, soon }) {
      const { listen, publish, line } = await bench();
      line.cut();
      const told = await soon(listen().catch((error: unknown) => error));
      expect(told).toBeInstanceOf(AwayError);
      line.heal();
      const { handled } = await listen();
      const sent = orders(1);
      await publish(sent);
      await eventually(() => expect(handled).toEqual(sent));
    },
    exceptions: [{ key: "line" }],
  },
  {
    name: "subscribers and publishers can be closed while the broker gives no answer",
    async run({ bench, soon }) {
      const { listen, line, transport } = await bench();
      const { subscriber } = await listen();
      const publisher = await transport.connectPublisher();
      await publisher.publish([order("order-1")]);
      line.swallow();
      await soon(Promise.all([subscriber[Symbol.asyncDispose](), publisher[Symbol.asyncDispose]()]));
    },
    exceptions: [{ key: "line" }],
  },
  {
    name: "the backlog of a broker that gives no answer is an error, and no number",
    async run({ bench, soon }) {
      const { listen, line, transport } = await bench();
      await listen();
      line.swallow();
      const counted = soon(transport.backlog("billing", ["order.created"]).catch(() => "unknown"));
      expect(await counted).toBe("unknown");
    },
    exceptions: [{ key: "line" }],
  },
];

async function survive({ bench, eventually, soon }: Workshop, accident: "cut" | "swallow"): Promise<void> {
  const { listen, publish, drained, line } = await bench();
  const { handled } = await listen();
  const [before, during, after] = [order("order-1"), order("order-2"), order("order-3")];
  await publish([before]);
  await eventually(() => expect(handled).toEqual([before]));
  line[accident]();
  expect(await soon(missingOf(publish, [during]))).toEqual([during.id]);
  line.heal();
  await eventually(() => publish([during, after]));
  await eventually(() => expect(new Set(idsOf(handled))).toEqual(new Set(idsOf([before, during, after]))));
  await drained();
}

/** The ids of those that the broker may lack after a publish. */
async function missingOf(
  publish: (envelopes: readonly Envelope[]) => Promise<void>,
  envelopes: readonly Envelope[],
): Promise<string[]> {
  try {
    await publish(envelopes);
    return [];
  } catch (error) {
    return error instanceof PublishError ? error.failures.map(({ id }) => id) : idsOf(envelopes);
  }
}
