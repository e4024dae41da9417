import { type Context, INVALID_SPAN_CONTEXT, type Tracer, trace } from "@opentelemetry/api";
import { RejectedError } from "@throughline/envelope";
import { query } from "@throughline/log";
import { memoryTransport } from "@throughline/transport/memory";
import { expect, test, vi } from "vitest";
import { commitTogether } from "./commit.ts";
import { onCall, startConsumer } from "./index.ts";
import { parkKey } from "./parked-keys.ts";
import { addEffect, effectsOf, noted, openTestInbox, publish, until } from "./test-inbox.ts";
import { about, leftOver, onFailure, openShop, other, parks, pass } from "./test-shop.ts";

test("after a dead message the later ones of its key wait, and run in order once it is sent again", async () => {
  await using shop = await openShop();
  const [first, second, third, stranger] = [about("k", "1"), about("k", "2"), about("k", "3"), about("other", "s")];
  shop.refused.add(first.id);
  await publish(shop.road, [first, second, third, stranger]);
  await until(() => shop.consumer.status().putAside === 2);
  await until(() => shop.consumer.status().handled === 1);
  expect(await shop.effects()).toEqual(["s"]);

  shop.refused.clear();
  await publish(shop.road, [first]);
  await until(() => shop.consumer.status().handled === 4);
  expect(await shop.effects()).toEqual(["s", "1", "2", "3"]);
  await publish(shop.road, [about("k", "4"), second]);
  await until(() => shop.consumer.status().duplicates === 1);
  expect(await shop.effects()).toEqual(["s", "1", "2", "3", "4"]);
  expect(await leftOver(shop.database)).toBe(0);
});

test("the time behind a dead message is a span in the trace of who waited", async () => {
  const begun: object[] = [];
  const startSpan = (name: string, _options: object, parent: Context) => {
    begun.push({ name, traceId: trace.getSpanContext(parent)?.traceId });
    return trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
  };
  trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan }) as unknown as Tracer });
  await using shop = await openShop();
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const [first, second] = [about("k", "1"), { ...about("k", "2"), traceparent: `00-${traceId}-b7ad6b7169203331-01` }];
  shop.refused.add(first.id);
  await publish(shop.road, [first, second]);
  await until(() => shop.consumer.status().putAside === 1);
  await pass(shop.database, first);
  await until(() => shop.consumer.status().handled === 1);
  trace.disable();
  expect(begun).toContainEqual({ name: "wait parked", traceId });
});

test("what waits is told as the database has it: also by a process that put nothing aside, and no more once it has run", async () => {
  await using shop = await openShop();
  const [first, second] = [about("k", "1"), about("k", "2")];
  shop.refused.add(first.id);
  await publish(shop.road, [first, second]);
  await until(() => shop.consumer.status().putAside === 1);
  await using other = await shop.another();
  for (const consumer of [shop.consumer, other]) expect(await consumer.parked()).toEqual({ parked: 1, parkedKeys: 1 });
  await pass(shop.database, first);
  await until(() => shop.consumer.status().handled + other.status().handled === 1);
  for (const consumer of [shop.consumer, other]) expect(await consumer.parked()).toEqual({ parked: 0, parkedKeys: 0 });
  expect([shop.consumer.status().putAside, other.status().putAside]).toEqual([1, 0]);
});

test("copies of a waiting message that come together, by two roads, wait as one", async () => {
  await using inbox = await openTestInbox();
  const [dead, waiting, later] = [about("k", "1"), about("k", "2"), about("k", "3")];
  await parkKey(inbox.database, "diary", dead);
  const copies = [waiting, later, { ...waiting, id: waiting.id.toUpperCase() }, waiting];
  const works = copies.map((envelope) => ({ envelope, effect: async () => {} }));
  const options = { effectMs: 10_000, keysSideBySide: false, parks: new Set(parks) };
  const outcomes = await commitTogether(inbox.database, "diary", works, options);
  expect(outcomes).toEqual(copies.map(() => "parked"));
  const order = await query(inbox.database, "order", "select message_id as id from inbox_parked order by position");
  expect(order.map(({ id }) => id)).toEqual([dead.id, waiting.id, later.id]);
});

test("a discarded message lets its key go on without it", async () => {
  await using shop = await openShop();
  const [first, second] = [about("k", "1"), about("k", "2")];
  shop.refused.add(first.id);
  await publish(shop.road, [first, second]);
  await until(() => shop.consumer.status().putAside === 1);
  await pass(shop.database, first);
  await until(() => shop.consumer.status().handled === 1);
  expect(await shop.effects()).toEqual(["2"]);
  expect(await leftOver(shop.database)).toBe(0);
});

test("a type that does not park is handled, whatever its key waits for", async () => {
  await using shop = await openShop();
  const first = about("k", "1");
  shop.refused.add(first.id);
  await publish(shop.road, [first, about("k", "2"), about("k", "r", other.type)]);
  await until(() => shop.consumer.status().putAside === 1 && shop.consumer.status().handled === 1);
  expect(await shop.effects()).toEqual(["r"]);
});

test("no third party is called for a message that waits", async () => {
  await using inbox = await openTestInbox();
  const road = memoryTransport();
  const calls: string[] = [];
  let isBroken = true;
  const call = async ({ data }: { data: { text: string } }) => {
    if (isBroken) throw new RejectedError("refused");
    calls.push(data.text);
  };
  const reaction = onCall(noted, call, ({ data }, _answer, tx) => addEffect(tx, "diary", data.text));
  await using consumer = await startConsumer(inbox.database, "diary", [reaction], { from: [road], parks, onFailure });
  const [first, second] = [about("k", "1"), about("k", "2")];
  await publish(road, [first]);
  await until(() => consumer.status().deadLettered === 1);
  isBroken = false;
  await publish(road, [second]);
  await until(() => consumer.status().putAside === 1);
  expect(calls).toEqual([]);
  await publish(road, [first]);
  await until(() => consumer.status().handled === 2);
  expect(calls).toEqual(["1", "2"]);
});

test("a waiting message that takes long at its turn holds back no other key", async () => {
  await using inbox = await openTestInbox();
  const road = memoryTransport();
  const answer = Promise.withResolvers<void>();
  let isBroken = true;
  const call = async ({ data: { text } }: { data: { text: string } }) => {
    if (isBroken) throw new RejectedError("refused");
    if (text === "slow") await answer.promise;
  };
  const reaction = onCall(noted, call, ({ data }, _answer, tx) => addEffect(tx, "diary", data.text));
  await using consumer = await startConsumer(inbox.database, "diary", [reaction], { from: [road], parks, onFailure });
  const [slow, quick] = [about("slow", "1"), about("quick", "1")];
  await publish(road, [slow, quick]);
  await until(() => consumer.status().deadLettered === 2);
  isBroken = false;
  await publish(road, [about("slow", "slow"), ...["2", "3", "4"].map((text) => about("quick", text))]);
  await until(() => consumer.status().putAside === 4);
  await pass(inbox.database, slow);
  await until(() => consumer.status().inFlight === 1);
  await pass(inbox.database, quick);
  await until(() => consumer.status().handled === 3);
  answer.resolve();
  await until(() => consumer.status().handled === 4);
  expect(await effectsOf(inbox.database, "diary")).toEqual(["2", "3", "4", "slow"]);
});

test("messages that arrive while their key is let go are neither lost nor overtaken", async () => {
  await using shop = await openShop();
  const all = Array.from({ length: 120 }, (_, index) => about("k", String(index)));
  const [first] = all;
  if (first) shop.refused.add(first.id);
  await publish(shop.road, all.slice(0, 40));
  await until(() => shop.consumer.status().putAside >= 10);
  shop.refused.clear();
  await publish(shop.road, [...all.slice(0, 1), ...all.slice(40, 80)]);
  await until(() => shop.consumer.status().handled >= 60);
  await publish(shop.road, all.slice(80));
  await vi.waitUntil(async () => (await shop.effects()).length === 120, { timeout: 40_000 });
  expect(await shop.effects()).toEqual(all.map((_, index) => String(index)));
  expect(await leftOver(shop.database)).toBe(0);
});
