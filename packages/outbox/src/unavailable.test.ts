import { expect, test, vi } from "vitest";
import { startRelay } from "./index.ts";
import { createBroker, numbersTo, openOutbox, sequencesOf, tell, told } from "./outbox-under-test.ts";

const soon = { timeout: 25_000, interval: 5 };

test("an unavailable broker gets everything once it is back, and nothing is parked", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  const told3 = ["a", "b", "a"].map((key) => told(key));
  let isDown = true;
  const errors: string[] = [];
  broker.before = async () => {
    if (isDown) throw new Error("nobody takes it", { cause: new Error("connection refused") });
  };
  await using relay = await startRelay(outbox.database, {
    to: [broker],
    onError: ({ message }) => void errors.push(message),
  });
  await tell(outbox.database, ...told3);
  await vi.waitUntil(() => errors.length >= 2, soon);
  expect(await relay.status()).toMatchObject([
    { waiting: 3, parked: 0, failure: "nobody takes it: connection refused" },
  ]);
  isDown = false;
  await vi.waitUntil(() => broker.received.length === 3, soon);
  await vi.waitUntil(async () => (await relay.status())[0]?.failure === undefined, soon);
  expect(sequencesOf(broker.received)).toEqual({ a: [1, 2], b: [1] });
  expect(errors[0]).toMatch(/^test may lack \d messages$/);
});

test("a broker that cannot be reached at the start is connected later", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  let attempts = 0;
  const transport = {
    ...broker.transport,
    connectPublisher: async () => {
      attempts += 1;
      if (attempts < 3) throw new Error("no route to host");
      return broker.transport.connectPublisher();
    },
  };
  await using _ = await startRelay(outbox.database, { to: [{ transport }], onError: () => {} });
  await tell(outbox.database, told("a"));
  await vi.waitUntil(() => broker.received.length === 1, soon);
});

test("only what a broker may lack is published again", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  const failing = new Set([2, 3]);
  broker.answer = ({ key, sequence }) => (key === "a" && failing.delete(sequence) ? "unknown" : undefined);
  await tell(outbox.database, ...numbersTo(4).flatMap(() => [told("a"), told("b")]));
  await using _ = await startRelay(outbox.database, { to: [broker], onError: () => {} });
  await vi.waitUntil(() => broker.received.length >= 8, soon);
  expect(sequencesOf(broker.received)).toEqual({ a: numbersTo(4), b: numbersTo(4) });
});
