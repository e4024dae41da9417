import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { migrations as eventStore } from "@throughline/event-store";
import { openTestDatabase } from "@throughline/local/testing";
import { migrations as log } from "@throughline/log";
import { migrations as outbox } from "@throughline/outbox";
import { expect, test } from "vitest";
import { recordCharge, recordRefund, requestPayment, startCharge, voidPayment } from "./use-cases.ts";

const own = { name: "billing", folder: `${import.meta.dirname}/../migrations` };

test("the command rebuilds the payments as they were, whatever became of them", async () => {
  await using desk = await openTestDatabase(log, eventStore, outbox, own);
  await desk.database.transaction(async (tx) => {
    for (const orderId of ["o-charged", "o-declined", "o-refunded", "o-waiting", "o-withdrawn"]) {
      await requestPayment(tx, orderId, { amountInCents: 900, currency: "USD", express: false });
      if (!orderId.startsWith("o-w")) await startCharge(tx, orderId);
    }
    for (const orderId of ["o-void", "o-withdrawn"]) await voidPayment(tx, orderId);
    await recordCharge(tx, "o-charged", { result: "charged", reference: "ch-1" });
    await recordCharge(tx, "o-declined", { result: "declined", reason: "card declined" });
    await recordCharge(tx, "o-refunded", { result: "charged", reference: "ch-2" });
    await voidPayment(tx, "o-refunded");
    await recordRefund(tx, "o-refunded", "re-2");
  });
  const payments = async () => (await desk.database.execute("select * from payments order by order_id")).rows;
  const before = await payments();
  await desk.database.execute("update payments set status = 'unknown', amount_in_cents = null where order_id < 'o-e'");
  await desk.database.execute("delete from payments where order_id = 'o-void'");

  expect(await rebuild(desk.url)).toBe("payments: 2 rows removed, 3 added\n");
  expect(await payments()).toEqual(before);
  expect(await rebuild(desk.url)).toBe("payments: 0 rows removed, 0 added\n");
});

async function rebuild(url: string): Promise<string> {
  const command = `${import.meta.dirname}/rebuild-views.ts`;
  const env = { PATH: process.env.PATH, DATABASE_URL: url };
  return (await promisify(execFile)(process.execPath, [command], { env })).stdout;
}
