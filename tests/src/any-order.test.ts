import { type Envelope, parseEnvelope, runCausedBy } from "@throughline/envelope";
import { migrations as eventStore } from "@throughline/event-store";
import { handleOnce, migrations as inbox, type Reaction } from "@throughline/inbox";
import { openTestDatabase, uniqueName } from "@throughline/local/testing";
import { type Database, migrations as log } from "@throughline/log";
import { migrations as outbox } from "@throughline/outbox";
import { sql } from "drizzle-orm";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { reactions as billingReactions, workReactions } from "../../services/billing/src/messages.ts";
import type { PaymentProvider } from "../../services/billing/src/payment-provider.ts";
import { reactions as inventoryReactions } from "../../services/inventory/src/messages.ts";
import { countStock } from "../../services/inventory/src/use-cases.ts";
import { findStock } from "../../services/inventory/src/views.ts";
import { reactions as orderReactions } from "../../services/order/src/messages.ts";
import { OrderError } from "../../services/order/src/order.ts";
import { cancelOrder, expireOrders, placeOrder } from "../../services/order/src/use-cases.ts";
import { findOrder } from "../../services/order/src/views.ts";

type Consumer = { readonly name: string; readonly database: Database; readonly reactions: readonly Reaction[] };
/** What may happen next; where it returns false it has to happen again. */
type Step = () => Promise<boolean>;
type Entry = { readonly kind: "charge" | "refund"; readonly orderId: string; readonly amountInCents: number };

/** What a customer wants. `scarce` is the SKU of which there are three; there is plenty of the other. */
const wish = fc.record({
  amountInCents: fc.constantFrom(0, 100, 913, 1_496),
  plenty: fc.integer({ min: 1, max: 3 }),
  scarce: fc.constantFrom(0, 0, 1, 2),
  isCancelled: fc.constantFrom(false, false, true),
});
type Wish = typeof wish extends fc.Arbitrary<infer Value> ? Value : never;
const stock = { plenty: 1_000, scarce: 3 };

let shop: Awaited<ReturnType<typeof openShop>>;
beforeAll(async () => {
  shop = await openShop();
}, 60_000);
afterAll(() => shop[Symbol.asyncDispose]());

test("whatever the order of messages, and however often they come, money and stock end where they belong", async () => {
  const wishes = fc.array(wish, { minLength: 2, maxLength: 6 });
  const property = fc.asyncProperty(wishes, fc.boolean(), fc.gen(), async (wishes, hasTimeOut, generate) => {
    const pick = (count: number) => generate(fc.nat, { max: count - 1 });
    const run = await startRun(wishes, hasTimeOut, pick);
    await run.untilNothingIsLeft();
    await run.check();
  });
  // What fails is told as it is: to look for a smaller one takes longer than anybody waits for a test.
  await fc.assert(property, { numRuns: 25, endOnFailure: true });
}, 60_000);

/** Some orders, from the first request to the last message. `pick(n)` decides everything that chance may decide. */
async function startRun(wishes: readonly Wish[], hasTimeOut: boolean, pick: (count: number) => number) {
  const [plenty, scarce] = [uniqueName("plenty-"), uniqueName("scarce-")];
  await shop.inventory.transaction((tx) => countStock(tx, plenty, stock.plenty));
  await shop.inventory.transaction((tx) => countStock(tx, scarce, stock.scarce));
  const provider = openProvider(() => pick(4) === 3);
  const consumers = shop.consumersWith(provider);
  const orders = new Map<string, Wish>();
  const steps: Step[] = wishes.map((wish) => () => place(wish));
  if (hasTimeOut) steps.push(expire);

  async function place(wish: Wish): Promise<boolean> {
    const { amountInCents, isCancelled } = wish;
    const items = [
      { sku: plenty, quantity: wish.plenty, amountInCents },
      ...(wish.scarce === 0 ? [] : [{ sku: scarce, quantity: wish.scarce, amountInCents: 0 }]),
    ];
    const order = { customerId: "c-1", currency: "USD", express: false, items };
    const { orderId } = await shop.order.transaction((tx) => placeOrder(tx, order));
    orders.set(orderId, wish);
    if (isCancelled) steps.push(() => cancel(orderId));
    return true;
  }
  async function cancel(orderId: string): Promise<boolean> {
    try {
      await shop.order.transaction((tx) => cancelOrder(tx, orderId, "changed my mind"));
    } catch (error) {
      if (!(error instanceof OrderError && error.kind === "conflict")) throw error;
    }
    return true;
  }
  async function expire(): Promise<boolean> {
    await expireOrders(shop.order, new Date(Date.now() + 60_000));
    return true;
  }

  return {
    /** Up to three steps at the same time, until all messages have been handled and nobody has more to tell. */
    async untilNothingIsLeft(): Promise<void> {
      while (steps.length > 0) {
        const now = Array.from({ length: Math.min(1 + pick(3), steps.length) }, () => take(steps, pick));
        const outcomes = await Promise.all(now.map((step) => step()));
        // What failed comes again, and so does, now and then, what did not.
        steps.push(...now.filter((_, index) => outcomes[index] === false));
        for (const { envelope, consumer } of deliveries(await shop.newMessages(), consumers)) {
          const deliver = () => handle(consumer, envelope);
          steps.push(...Array.from({ length: 1 + pick(3) }, () => deliver));
        }
      }
    },
    async check(): Promise<void> {
      const left = { plenty: stock.plenty, scarce: stock.scarce };
      for (const [orderId, wish] of orders) {
        const end = await endOf(orderId, provider.ledger);
        expect([...completedEnds(wish), ...cancelledEnds(wish)]).toContainEqual(end);
        const isCertain = wish.scarce === 0 && !wish.isCancelled && !hasTimeOut;
        if (isCertain) expect(end.status).toBe(wish.amountInCents === 913 ? "cancelled" : "completed");
        if (end.status !== "completed") continue;
        left.plenty -= wish.plenty;
        left.scarce -= wish.scarce;
      }
      expect(orders.size).toBe(wishes.length);
      expect(left.scarce).toBeGreaterThanOrEqual(0);
      for (const [sku, onHand] of [[plenty, left.plenty] as const, [scarce, left.scarce] as const]) {
        expect(await findStock(shop.inventory, sku)).toEqual({ sku, onHand, reserved: 0, available: onHand });
      }
    },
  };
}

type End = {
  readonly status?: string;
  readonly stock?: string;
  readonly charged: number[];
  readonly refunded: number[];
};

function completedEnds({ amountInCents }: Wish): End[] {
  if (amountInCents === 913) return [];
  const charged = amountInCents === 0 ? [] : [amountInCents];
  return [{ status: "completed", stock: "shipped", charged, refunded: [] }];
}

/** Nothing was charged, or all of it was paid back; nothing was reserved, or all of it was released. */
function cancelledEnds({ amountInCents }: Wish): End[] {
  const moved = amountInCents === 0 || amountInCents === 913 ? [[]] : [[], [amountInCents]];
  return ["rejected", "released", "void"].flatMap((stock) =>
    moved.map((amounts) => ({ status: "cancelled", stock, charged: amounts, refunded: amounts })),
  );
}

async function endOf(orderId: string, ledger: readonly Entry[]): Promise<End> {
  const order = await findOrder(shop.order, orderId);
  const { rows } = await shop.inventory.execute(sql`select status from reservations where order_id = ${orderId}`);
  const own = ledger.filter((entry) => entry.orderId === orderId);
  const amountsOf = (kind: Entry["kind"]) =>
    own.filter((entry) => entry.kind === kind).map((entry) => entry.amountInCents);
  const known = { ...(order && { status: order.status }), ...(rows[0] && { stock: String(rows[0].status) }) };
  return { ...known, charged: amountsOf("charge"), refunded: amountsOf("refund") };
}

/** The third party, in memory: one answer per key, for ever. Now and then it does what it is asked and its answer is lost. */
function openProvider(losesAnswer: () => boolean) {
  const ledger: Entry[] = [];
  const references = new Map<string, string>();
  function settle(entry: Entry, key: string): string {
    const reference = references.get(key) ?? `${entry.kind}-${references.size}`;
    if (!references.has(key)) ledger.push(entry);
    references.set(key, reference);
    if (losesAnswer()) throw lostAnswer;
    return reference;
  }
  const provider: PaymentProvider = {
    async charge(orderId, { amountInCents }, key) {
      if (amountInCents % 100 === 13) return { result: "declined", reason: "card declined" };
      return { result: "charged", reference: settle({ kind: "charge", orderId, amountInCents }, key) };
    },
    refund: async (orderId, { amountInCents }, key) => settle({ kind: "refund", orderId, amountInCents }, key),
  };
  return { ...provider, ledger };
}
const lostAnswer = new Error("The answer was lost");

/** As a consumer does it; false where it must be tried again. */
async function handle({ name, database, reactions }: Consumer, envelope: Envelope): Promise<boolean> {
  const reaction = reactions.find(({ type }) => type === envelope.type);
  try {
    await runCausedBy(envelope, async () => {
      // The inbox is not asked before the call, as if the process had died each time before it could remember.
      const effect = await reaction?.prepare(envelope, async () => false);
      if (effect) await handleOnce(database, name, envelope, effect);
    });
    return true;
  } catch (error) {
    if (error !== lostAnswer) throw error;
    return false;
  }
}

function deliveries(envelopes: readonly Envelope[], consumers: readonly Consumer[]) {
  return envelopes.flatMap((envelope) =>
    consumers
      .filter(({ reactions }) => reactions.some(({ type }) => type === envelope.type))
      .map((consumer) => ({ envelope, consumer })),
  );
}

function take(steps: Step[], pick: (count: number) => number): Step {
  const [step] = steps.splice(pick(steps.length), 1);
  if (step === undefined) throw new Error("Nothing is left to be done");
  return step;
}

/** The three services' databases, and nothing between them. */
async function openShop() {
  await using opened = new AsyncDisposableStack();
  const open = async (name: string) => {
    const folder = `${import.meta.dirname}/../../services/${name}/migrations`;
    return opened.use(await openTestDatabase(log, eventStore, outbox, inbox, { name, folder })).database;
  };
  const [order, billing, inventory] = [await open("order"), await open("billing"), await open("inventory")];
  const read = new Map([order, billing, inventory].map((database) => [database, 0]));
  const stack = opened.move();
  return {
    order,
    inventory,
    consumersWith: (provider: PaymentProvider): Consumer[] => [
      { name: "order", database: order, reactions: orderReactions },
      { name: "billing", database: billing, reactions: billingReactions },
      { name: "billing.work", database: billing, reactions: workReactions(billing, provider) },
      { name: "inventory", database: inventory, reactions: inventoryReactions },
    ],
    /** What the outboxes have got since the last look. */
    async newMessages(): Promise<Envelope[]> {
      const found: Envelope[] = [];
      for (const [database, last] of read) {
        const { rows } = await database.execute<{ position: string; wire: string }>(
          sql`select position, wire from outbox where position > ${last} order by position`,
        );
        found.push(...rows.map(({ wire }) => parseEnvelope(wire)));
        read.set(database, Number(rows.at(-1)?.position ?? last));
      }
      return found;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
