/** The relay with every default; what comes between it and the broker can be cut. */
import { setTimeout as pause } from "node:timers/promises";
import { enqueue, startRelay } from "@throughline/outbox";
import { rabbitmqTransport } from "@throughline/transport/rabbitmq";
import type { Measure } from "../harness/bench.ts";
import { sampleOf } from "../harness/sample.ts";
import { openServiceDatabase } from "../harness/service-database.ts";
import { createTally } from "../harness/tally.ts";
import { declareQueue, readIds } from "../rabbitmq/queue.ts";
import { openLine } from "./line.ts";

const perSecond = 500;
const perTransaction = 5;
const secondsAway = 60;
const secondsAfter = 30;
const messages = perSecond * (5 + secondsAway + secondsAfter);

export const measure: Measure = async (place) => {
  await declareQueue(place);
  await using line = await openLine(place.rabbitmq ?? "");
  await using database = await openServiceDatabase(place.databaseUrl);
  const transport = rabbitmqTransport({ url: line.url, namespace: place.namespace, onError: () => undefined });
  const relay = await startRelay(database.handle, { to: [{ transport }], onError: () => undefined });

  const writing = writeAtRate(async (numbers) => {
    await database.handle.transaction((tx) => enqueue(tx, "order-service", numbers.map(sampleOf)));
  });
  await pause(5_000);
  line.cut();
  await pause(1_000 * secondsAway);
  const [behind] = await relay.status();
  line.mend();
  const mendedAt = performance.now();
  let [now] = await relay.status();
  while ((now?.oldestMs ?? 0) >= 1_000 && performance.now() - mendedAt < 120_000) {
    await pause(50);
    [now] = await relay.status();
  }
  const caughtUpAfter = (performance.now() - mendedAt) / 1_000;
  await writing;
  while (((await relay.status())[0]?.waiting ?? 0) > 0) await pause(50);
  await relay[Symbol.asyncDispose]();
  const tally = createTally(messages);
  for (const id of new Set(await readIds(place))) tally.take(id);
  return { figures: { "caught up after": caughtUpAfter, "most behind": behind?.waiting ?? 0 }, tallies: [tally] };
};

/** As many as ought to have been written by now, however late the timer. */
async function writeAtRate(write: (numbers: readonly number[]) => Promise<void>): Promise<void> {
  const startedAt = performance.now();
  for (let next = 0; next < messages; ) {
    const due = Math.min(messages, ((performance.now() - startedAt) * perSecond) / 1_000);
    while (next + perTransaction <= due) {
      await write(Array.from({ length: perTransaction }, (_, index) => next + index));
      next += perTransaction;
    }
    await pause(5);
  }
}
