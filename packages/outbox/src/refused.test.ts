import { parseEnvelope, RejectedError } from "@throughline/envelope";
import type { Transaction } from "@throughline/log";
import { expect, test } from "vitest";
import { enqueue } from "./index.ts";
import { openOutbox, readWires, sequencesOf, tell, told } from "./outbox-under-test.ts";

test("a database in the place of a transaction is refused", async () => {
  await using outbox = await openOutbox();
  // What a caller in JavaScript, or one that casts, can do.
  const handle: unknown = outbox.database;
  await expect(enqueue(handle as Transaction, "order-service", [told("o-1")])).rejects.toThrow(
    "Messages are enqueued in a transaction, with the handle",
  );
});

test("a transaction that has ended is refused", async () => {
  await using outbox = await openOutbox();
  const ended = await outbox.database.transaction(async (tx) => {
    await tx.execute("select 1");
    return tx;
  });
  await expect(enqueue(ended, "order-service", [told("o-1")])).rejects.toThrow("this one has ended");
  expect(await readWires(outbox.database)).toEqual([]);
});

test("what is told beside a message that is refused is undone with it", async () => {
  await using outbox = await openOutbox();
  const calls: Promise<void>[] = [];
  const undone = outbox.database.transaction((tx) => tellSideBySide(tx, calls));
  await expect(undone).rejects.toThrow("data: expected a value");
  expect(await Promise.allSettled(calls)).toMatchObject([{ status: "fulfilled" }, { status: "rejected" }]);
  expect(await readWires(outbox.database)).toEqual([]);
});

test("what is told in a savepoint beside a message that is refused is undone with it, and nothing else is", async () => {
  await using outbox = await openOutbox();
  const calls: Promise<void>[] = [];
  await outbox.database.transaction(async (tx) => {
    await expect(tx.transaction((inner) => tellSideBySide(inner, calls))).rejects.toThrow("data: expected a value");
    expect(await Promise.allSettled(calls)).toMatchObject([{ status: "fulfilled" }, { status: "rejected" }]);
    await enqueue(tx, "order-service", [told("o-1")]);
  });
  expect(sequencesOf((await readWires(outbox.database)).map(parseEnvelope))).toEqual({ "o-1": [1] });
});

test("a message may be 200 KiB on the wire, and no more", async () => {
  await using outbox = await openOutbox();
  const room = 200 * 1024 - 400;
  await tell(outbox.database, told("o-1", "x".repeat(room)));
  await expect(tell(outbox.database, told("o-1", "x".repeat(room + 400)))).rejects.toThrow("may have 204800");
  await expect(tell(outbox.database, told("o-1", "ü".repeat(room / 2)))).rejects.toThrow("may have 204800");
  expect(await readWires(outbox.database)).toHaveLength(1);
});

test.each([
  ["an empty key", { ...told("") }, "key"],
  ["a long key", told("k".repeat(256)), "key"],
  ["a key with a line break", told("o\n1"), "characters that cannot travel"],
  ["half a surrogate pair as key", told("o\ud800"), "characters that cannot travel"],
  ["a type that is no noun.verb", { ...told("o-1"), type: "Order Created" }, "type: expected noun.verb"],
  ["a version that is no number", { ...told("o-1"), version: "1.2" }, "version"],
  ["an id that is no UUID", { ...told("o-1"), id: "1" }, "id"],
  ["no data", { ...told("o-1"), data: undefined }, "data: expected a value"],
])("%s is refused before anything is written", async (_, message, reason) => {
  await using outbox = await openOutbox();
  const refusal = tell(outbox.database, told("o-0"), message);
  await expect(refusal).rejects.toThrow(reason);
  await expect(refusal).rejects.not.toBeInstanceOf(RejectedError);
  expect(await readWires(outbox.database)).toEqual([]);
});

function tellSideBySide(tx: Transaction, calls: Promise<void>[]): Promise<unknown> {
  calls.push(...[{}, undefined].map((data) => enqueue(tx, "order-service", [{ ...told("o-1"), data }])));
  return Promise.all(calls);
}
