import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { startRelay } from "./index.ts";
import { type Answer, createBroker, numbersTo, openOutbox, sequencesOf, tell, told } from "./outbox-under-test.ts";

const answers = fc.array(fc.constantFrom<Answer>("refused", "unknown"), { maxLength: 3 });
const program = fc.record({
  messages: fc.array(fc.record({ key: fc.constantFrom("a", "b", "c"), answers }), { minLength: 1, maxLength: 25 }),
  batchSize: fc.integer({ min: 1, max: 6 }),
});

test("whatever a broker refuses or leaves open, every key arrives once and in order", async () => {
  await using outbox = await openOutbox();
  let runs = 0;
  const property = fc.asyncProperty(program, async ({ messages, batchSize }) => {
    const run = `run-${++runs}`;
    const told1 = messages.map(({ key, answers }) => told(`${run}-${key}`, answers));
    const broker = createBroker();
    const asked = new Map<string, number>();
    broker.answer = ({ id, data }) => {
      const turn = asked.get(id) ?? 0;
      asked.set(id, turn + 1);
      return (data as Answer[])[turn];
    };
    await using relay = await startRelay(outbox.database, { to: [broker], batchSize, retryMs: 1, onError: () => {} });
    await tell(outbox.database, ...told1);
    await vi.waitUntil(() => broker.received.length >= messages.length, { timeout: 20_000, interval: 2 });
    const keys = Object.entries(Object.groupBy(told1, ({ key }) => key));
    expect(sequencesOf(broker.received)).toEqual(
      Object.fromEntries(keys.map(([key, own = []]) => [key, numbersTo(own.length)])),
    );
    await vi.waitUntil(async () => (await relay.status())[0]?.parked === 0, { timeout: 20_000, interval: 2 });
  });
  await fc.assert(property, { numRuns: 25 });
}, 120_000);
