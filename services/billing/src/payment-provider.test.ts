import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { migrations as eventStore } from "@throughline/event-store";
import { openTestDatabase } from "@throughline/local/testing";
import { migrations as log } from "@throughline/log";
import { migrations as outbox } from "@throughline/outbox";
import { sql } from "drizzle-orm";
import { expect, test } from "vitest";
import { connectPaymentProvider } from "./payment-provider.ts";
import { recordCharge, recordRefund, requestPayment, startCharge, voidPayment } from "./use-cases.ts";
import { findPayment } from "./views.ts";

const own = { name: "billing", folder: `${import.meta.dirname}/../migrations` };
const amount = { amountInCents: 900, currency: "USD" };

test.each([
  ["fits", "r".repeat(100), "r".repeat(100)],
  ["is too long for a message", "r".repeat(300), "m-1"],
  ["is empty", "", "m-1"],
  ["nobody can store", "ch-\0", "m-1"],
  ["is missing", undefined, "m-1"],
])("a charge is recorded and can be paid back where its reference %s", async (_, reference, kept) => {
  await using desk = await openDesk(201, { reference });
  await desk.charge();
  expect(await desk.payment()).toMatchObject({ status: "charged", reference: kept });
  await desk.refund();
  expect(await desk.payment()).toMatchObject({ status: "refunded", refundReference: kept === "m-1" ? "m-2" : kept });
  expect(await desk.told()).toEqual(["payment.requested", "payment.completed", "refund.requested", "payment.refunded"]);
});

test.each([
  ["too long for a message", { detail: "d".repeat(2_000), title: "Declined" }, "d".repeat(500)],
  ["too long, and would be cut within a character", { detail: `${"d".repeat(499)}😀` }, `${"d".repeat(499)}\u{fffd}`],
  ["empty", { detail: "", title: "Declined" }, "Declined"],
  ["missing", {}, "declined"],
  ["one that nobody can store", { detail: "no\0funds" }, "no\u{fffd}funds"],
])("a decline is recorded and told of where its reason is %s", async (_, problem, reason) => {
  await using desk = await openDesk(402, problem);
  await desk.charge();
  expect(await desk.payment()).toMatchObject({ status: "declined", reason });
  expect(await desk.told()).toEqual(["payment.requested", "payment.failed"]);
});

/** An order that is to be paid, at a provider that answers all alike. */
async function openDesk(status: number, answer: object) {
  await using opened = new AsyncDisposableStack();
  const { database } = opened.use(await openTestDatabase(log, eventStore, outbox, own));
  const server = createServer((_, response) => response.writeHead(status).end(JSON.stringify(answer)));
  await once(server.listen(0, "127.0.0.1"), "listening");
  opened.defer(() => server[Symbol.asyncDispose]());
  const { port } = server.address() as AddressInfo;
  const provider = connectPaymentProvider(`http://127.0.0.1:${port}`, { timeoutMs: 5_000 });
  const closing = opened.move();
  return {
    async charge() {
      await database.transaction((tx) => requestPayment(tx, "o-1", { ...amount, express: false }));
      await database.transaction((tx) => startCharge(tx, "o-1"));
      const outcome = await provider.charge("o-1", amount, "m-1");
      await database.transaction((tx) => recordCharge(tx, "o-1", outcome));
    },
    async refund() {
      await database.transaction((tx) => voidPayment(tx, "o-1"));
      const reference = await provider.refund("o-1", amount, "m-2");
      await database.transaction((tx) => recordRefund(tx, "o-1", reference));
    },
    payment: () => findPayment(database, "o-1"),
    async told() {
      const { rows } = await database.execute<{ type: string }>(sql`select type from outbox order by position`);
      return rows.map(({ type }) => type);
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  };
}
