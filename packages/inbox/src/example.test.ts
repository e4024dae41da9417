import { memoryTransport } from "@throughline/transport/memory";
import { expect, test } from "vitest";
import { on, startConsumer } from "./index.ts";
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
