import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Failure } from "@throughline/transport";
import { memoryTransport } from "@throughline/transport/memory";
import { expect, test } from "vitest";
import { onCall, startConsumer } from "./index.ts";
import { addEffect, effectsOf, note, noted, openTestInbox, publish, until } from "./test-inbox.ts";

test("a call whose answer was lost is made again with the same id, and recorded once", async () => {
  await using inbox = await openTestInbox();
  const transport = memoryTransport();
  const calls: string[] = [];
  let answersLost = 0;
  const charge = onCall(
    noted,
    async (message) => {
      calls.push(message.id);
      return `charge ${calls.length}`;
    },
    async (_message, answer, tx) => {
      await addEffect(tx, "cashier", answer);
      answersLost += 1;
      if (answersLost === 1) throw new Error("died between the call and the commit");
    },
  );
  const failures: Failure[] = [];
  const onFailure = (failure: Failure) => failures.push(failure);
  const options = { from: [transport], retryDelayMs: 1, onFailure };
  await using consumer = await startConsumer(inbox.database, "cashier", [charge], options);
  const envelope = note("900");
  await publish(transport, [envelope]);
  await until(() => consumer.status().handled === 1);
  expect(failures).toMatchObject([{ deadLettered: false, error: { message: "died between the call and the commit" } }]);
  expect(calls).toEqual([envelope.id, envelope.id]);
  expect(await effectsOf(inbox.database, "cashier")).toEqual(["charge 2"]);
});

test("a message that was handled before is not called for again", async () => {
  await using inbox = await openTestInbox();
  const transport = memoryTransport();
  let calls = 0;
  const charge = onCall(
    noted,
    async () => {
      calls += 1;
    },
    (message, _answer, tx) => addEffect(tx, "cashier", message.data.text),
  );
  await using consumer = await startConsumer(inbox.database, "cashier", [charge], { from: [transport] });
  const envelope = note("900", "k");
  await publish(transport, [envelope, envelope, envelope]);
  await until(() => consumer.status().duplicates === 2);
  expect(calls).toBe(1);
});

test("the crash points come in order, once for each message", async () => {
  await using inbox = await openTestInbox();
  const transport = memoryTransport();
  const passed: string[] = [];
  const names = ["before_handle", "after_handle", "after_commit"];
  const listeners = names.map((name) => ({
    channel: `throughline:inbox.${name}`,
    listen: () => void passed.push(name),
  }));
  for (const { channel, listen } of listeners) subscribe(channel, listen);
  const charge = onCall(
    noted,
    async () => "paid",
    (_message, answer, tx) => addEffect(tx, "cashier", answer),
  );
  await using consumer = await startConsumer(inbox.database, "cashier", [charge], { from: [transport] });
  await publish(transport, [note("a", "k"), note("b", "k")]);
  await until(() => consumer.status().handled === 2);
  for (const { channel, listen } of listeners) unsubscribe(channel, listen);
  expect(passed).toEqual([...names, ...names]);
});
