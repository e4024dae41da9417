import {
  orderCancelled,
  orderCompleted,
  orderCreated,
  paymentCompleted,
  paymentFailed,
  paymentRefunded,
  stockRejected,
  stockReserved,
} from "@throughline/contracts";
import { createEnvelope, type Envelope, type Message } from "@throughline/envelope";
import { handleOnce, migrations as inbox } from "@throughline/inbox";
import { openTestDatabase } from "@throughline/local/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { reactions } from "./messages.ts";
import { reportOrders } from "./views.ts";

const own = { name: "analytics", folder: `${import.meta.dirname}/../migrations` };
const currency = "USD";

test("messages in any order, any number of times, add up to the same report", async () => {
  const told = history();
  const expected = {
    orders: { placed: 1, completed: 1, cancelled: 2 },
    pieces: 8,
    revenue: [{ currency, orders: 1, amountInCents: 2_000 }],
  };
  const deliveries = fc
    .array(fc.constantFrom(...told), { maxLength: 10 })
    .chain((again) => fc.shuffledSubarray([...told, ...again], { minLength: told.length + again.length }));
  await fc.assert(
    fc.asyncProperty(deliveries, async (envelopes) => {
      await using opened = await openTestDatabase(inbox, own);
      for (const envelope of envelopes) await handle(opened.database, envelope);
      expect(await reportOrders(opened.database, {})).toMatchObject(expected);
    }),
    { numRuns: 8 },
  );
});

test("a report covers the days that were asked for", async () => {
  await using opened = await openTestDatabase(inbox, own);
  for (const envelope of history()) await handle(opened.database, envelope);
  const tomorrow = new Date(Date.now() + 86_400_000);
  expect(await reportOrders(opened.database, { from: tomorrow })).toMatchObject({
    orders: { placed: 0, completed: 0, cancelled: 0 },
    revenue: [],
  });
  expect((await reportOrders(opened.database, { to: tomorrow })).orders.completed).toBe(1);
});

test("an order of which nothing but its completion is known has its day and its amount in the report", async () => {
  await using opened = await openTestDatabase(inbox, own);
  const completed = history().filter(({ type }) => type === orderCompleted.type);
  for (const envelope of completed) await handle(opened.database, envelope);
  const day = completed[0]?.timestamp.slice(0, 10);
  expect(await reportOrders(opened.database, {})).toEqual({
    orders: { placed: 0, completed: 1, cancelled: 0 },
    pieces: 0,
    revenueByDay: [{ day, currency, orders: 1, amountInCents: 2_000 }],
    revenue: [{ currency, orders: 1, amountInCents: 2_000 }],
  });
});

type TestDatabase = Awaited<ReturnType<typeof openTestDatabase>>["database"];

async function handle(database: TestDatabase, envelope: Envelope): Promise<void> {
  const reaction = reactions.find(({ type }) => type === envelope.type);
  const effect = await reaction?.prepare(envelope, async () => false);
  if (effect) await handleOnce(database, "analytics", envelope, effect);
}

/** One order in work, one completed, one declined, one sold out after it was charged. */
function history(): Envelope[] {
  const created = (orderId: string) =>
    orderCreated.message(orderId, {
      ...{ orderId, customerId: "c-1", currency, totalInCents: 2_000, express: false },
      items: [{ sku: "cd-1", quantity: 2 }],
    });
  const items = [{ sku: "cd-1", quantity: 2 }];
  const paid = (orderId: string) =>
    paymentCompleted.message(orderId, { orderId, amountInCents: 2_000, currency, reference: "ch-1" });
  const messages: Message[] = [
    ...["o-1", "o-2", "o-3", "o-4"].map(created),
    stockReserved.message("o-2", { orderId: "o-2", items }),
    paid("o-2"),
    orderCompleted.message("o-2", { orderId: "o-2", customerId: "c-1", currency, totalInCents: 2_000 }),
    paymentFailed.message("o-3", { orderId: "o-3", reason: "card declined" }),
    orderCancelled.message("o-3", { orderId: "o-3", reason: "card declined" }),
    paid("o-4"),
    stockRejected.message("o-4", { orderId: "o-4", reason: "sold out" }),
    orderCancelled.message("o-4", { orderId: "o-4", reason: "sold out" }),
    paymentRefunded.message("o-4", { orderId: "o-4", amountInCents: 2_000, currency, reference: "re-1" }),
  ];
  return messages.map((message) => createEnvelope(message, { source: "test" }));
}
