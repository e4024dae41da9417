import type { Envelope } from "@throughline/envelope";
import type { Transaction } from "@throughline/log";
import { memoryTransport } from "@throughline/transport/memory";
import { expect, test } from "vitest";
import { handleOnce, on, onCall, startConsumer } from "./index.ts";
import { addEffect, effectsOf, note, noted, openTestInbox, publish, until } from "./test-inbox.ts";

test("a message that comes again, by whichever road, has one effect", async () => {
  await using inbox = await openTestInbox();
  const { database } = inbox;
  const [oldRoad, newRoad] = [memoryTransport(), memoryTransport()];

  const reactions = [on(noted, (message, tx) => addEffect(tx, "diary", message.data.text))];
  await using consumer = await startConsumer(database, "diary", reactions, { from: [oldRoad, newRoad] });

  const envelope = note("hello");
  await publish(oldRoad, [envelope, envelope]);
  await publish(newRoad, [envelope]);

  await until(() => consumer.status().duplicates === 2);
  expect(consumer.status()).toMatchObject({ handled: 1, failed: 0, deadLettered: 0, inFlight: 0 });
  expect(await effectsOf(database, "diary")).toEqual(["hello"]);
});

test("a third party is asked outside of the transaction that records its answer", async () => {
  await using inbox = await openTestInbox();
  const { database } = inbox;
  const road = memoryTransport();
  const charge = async ({ id }: Envelope) => `charged under ${id}`;
  const record = (_message: Envelope, answer: string, tx: Transaction) => addEffect(tx, "cashier", answer);

  const reactions = [onCall(noted, charge, record)];
  await using consumer = await startConsumer(database, "cashier", reactions, { from: [road] });

  const envelope = note("900");
  await publish(road, [envelope]);

  await until(() => consumer.status().handled === 1);
  expect(await effectsOf(database, "cashier")).toEqual([`charged under ${envelope.id}`]);
});

test("a message that comes by no road is handled once as well", async () => {
  await using inbox = await openTestInbox();
  const { database } = inbox;
  const envelope = note("hello");
  const handle = () => handleOnce(database, "diary", envelope, (tx) => addEffect(tx, "diary", "hello"));

  expect([await handle(), await handle()]).toEqual(["handled", "duplicate"]);
  expect(await effectsOf(database, "diary")).toEqual(["hello"]);
});
