import { connect } from "@throughline/local/testing";
import { expect, test, vi } from "vitest";
import { startRelay } from "./index.ts";
import { createBroker, numbersTo, openOutbox, tell, told } from "./outbox-under-test.ts";

test("Postgres looks for the page behind while a page is made into messages", async () => {
  await using outbox = await openOutbox();
  await tell(outbox.database, ...numbersTo(40).map(() => told("a")));
  await using relaying = connect(outbox.url);
  const broker = createBroker();
  const unsent: number[] = [];
  broker.before = async () => void unsent.push(relaying.pool.waitingCount);
  await using _ = await startRelay(relaying.database, { to: [broker], batchSize: 1 });
  await vi.waitUntil(() => broker.received.length === 40, { timeout: 25_000, interval: 5 });
  // Now and then something else of the relay waits for its turn too.
  expect(unsent.filter((statements) => statements === 0).length).toBeGreaterThan(20);
});
