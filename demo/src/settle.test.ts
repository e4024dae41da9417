import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createTestDatabases, type TestDatabases } from "./audit/test-databases.ts";
import { completed, roads, tellStory } from "./audit/test-story.ts";
import { serviceNames } from "./flow.ts";
import { settle } from "./settle.ts";

let databases: TestDatabases;
let story: Awaited<ReturnType<typeof tellStory>>;

beforeAll(async () => {
  databases = await createTestDatabases();
  story = await tellStory(databases);
});
afterAll(() => databases[Symbol.asyncDispose]());
beforeEach(() => everywhere("begin"));
afterEach(() => everywhere("rollback"));

test("what has come to its end is not waited for", async () => {
  expect(await stillWaiting()).toEqual([]);
});

test("an order that does not end is told", async () => {
  await databases.order.query("update orders set status = 'placed' where order_id = $1", [completed]);
  expect(await stillWaiting()).toEqual([`order ${completed} is still placed`]);
});

test("a message that nobody handles is told with who should have", async () => {
  const { id } = story.sightings.find(({ type }) => type === "order.completed") ?? { id: "" };
  await databases.analytics.query("delete from processed_messages where message_id = $1", [id]);
  expect(await stillWaiting()).toEqual([
    `order.completed ${id}, committed by order, has not been handled by analytics`,
  ]);
});

test("a message that no broker shows is told with the road it should have taken", async () => {
  const { id } = story.sightings.find(({ type }) => type === "payment.requested") ?? { id: "" };
  const sightings = story.sightings.filter((sighting) => sighting.id !== id);
  expect(await stillWaiting(sightings)).toEqual([`payment.requested ${id} was not seen on rabbitmq yet`]);
});

async function stillWaiting(sightings = story.sightings): Promise<readonly string[]> {
  const { waiting } = await settle({
    databases,
    window: story.window,
    orderIds: new Set(story.placed.map(({ orderId }) => orderId)),
    taps: { sightings, listen: async () => {} },
    roads,
    signal: AbortSignal.timeout(20_000),
    onEnded: () => undefined,
    patienceMs: 100,
  });
  return waiting;
}

async function everywhere(text: "begin" | "rollback"): Promise<void> {
  await Promise.all(serviceNames.map((name) => databases[name].query(text)));
}
