import { type ClaimStore, claimBody, provideClaims } from "@throughline/claims";
import { type Envelope, RejectedError, serializeEnvelope } from "@throughline/envelope";
import { query } from "@throughline/log";
import { memoryTransport } from "@throughline/transport/memory";
import { expect, test } from "vitest";
import { on, onCall, startConsumer } from "./index.ts";
import { addEffect, effectsOf, note, noted, openTestInbox, publish, until } from "./test-inbox.ts";

const write = on(noted, ({ data }, tx) => addEffect(tx, "diary", data.text));

test("a process has four big bodies in hand at most, and handles all", async () => {
  await using inbox = await openTestInbox();
  using _ = provideClaims(createPlace().store);
  const open = Promise.withResolvers<void>();
  const [inHand, counts] = [new Set<string>(), new Set<number>()];
  const call = async ({ data: { text } }: { data: { text: string } }) => {
    if (text === "small") return;
    counts.add(inHand.add(text).size);
    await open.promise;
  };
  const reaction = onCall(noted, call, async ({ data: { text } }, _answer, tx) => {
    inHand.delete(text);
    await addEffect(tx, "diary", text);
  });
  const road = memoryTransport();
  await using consumer = await startConsumer(inbox.database, "diary", [reaction], { from: [road] });
  const texts = Array.from({ length: 12 }, (_, index) => `big ${index}`);
  await publish(road, [...(await Promise.all(texts.map((text) => claimed(note(text))))), note("small")]);
  await until(() => consumer.status().handled === 1 && inHand.size === 4);
  open.resolve();
  await until(() => consumer.status().handled === 13);
  expect(Math.max(...counts)).toBe(4);
  expect((await effectsOf(inbox.database, "diary")).toSorted()).toEqual([...texts, "small"].toSorted());
});

test("while the place of bodies is not to be had, messages wait for it and lose no attempt", async () => {
  await using inbox = await openTestInbox();
  const place = createPlace();
  using _ = provideClaims(place.store);
  let refusals = 6;
  place.before = async () => {
    refusals -= 1;
    const code = refusals % 2 === 0 ? "ECONNREFUSED" : "EBUSY";
    if (refusals >= 0) throw Object.assign(new Error(`not now: ${code}`), { code });
  };
  const road = memoryTransport();
  await using consumer = await startConsumer(inbox.database, "diary", [write], { from: [road], attempts: 1 });
  await publish(road, [await claimed(note("big"))]);
  await until(() => consumer.status().handled === 1);
  expect(consumer.status()).toMatchObject({ failed: 0, deadLettered: 0 });
});

test("a message that waits behind a dead one of its key waits as a reference, and runs whole", async () => {
  await using inbox = await openTestInbox();
  using _ = provideClaims(createPlace().store);
  const road = memoryTransport();
  let isBroken = true;
  const reaction = on(noted, ({ data }, tx) => {
    if (isBroken && data.text === "first") throw new RejectedError("refused");
    return addEffect(tx, "diary", data.text);
  });
  const options = { from: [road], parks: [noted.type], onFailure: () => undefined };
  await using consumer = await startConsumer(inbox.database, "diary", [reaction], options);
  const [first, second] = [note("first", "k"), await claimed(note("second", "k"))];
  await publish(road, [first]);
  await until(() => consumer.status().deadLettered === 1);
  await publish(road, [second]);
  await until(() => consumer.status().putAside === 1);
  const parked = await query(inbox.database, "parked", "select wire from inbox_parked where wire is not null");
  expect(parked).toEqual([{ wire: serializeEnvelope(second) }]);
  isBroken = false;
  await publish(road, [first]);
  await until(() => consumer.status().handled === 2);
  expect(await effectsOf(inbox.database, "diary")).toEqual(["first", "second"]);
});

/** A place of bodies in memory; `before` is awaited each time that one is fetched. */
function createPlace() {
  const bodies = new Map<string, Uint8Array>();
  const place = {
    before: async () => {},
    store: {
      put: async (reference, body) => void bodies.set(reference, body),
      async get(reference) {
        await place.before();
        return bodies.get(reference);
      },
      removeBefore: async () => {},
    } satisfies ClaimStore as ClaimStore,
  };
  return place;
}

async function claimed(envelope: Envelope): Promise<Envelope> {
  const { envelope: reference, put } = claimBody(envelope);
  await put();
  return reference;
}
