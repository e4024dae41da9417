import { parseEnvelope, RejectedError, runCausedBy } from "@throughline/envelope";
import { query, type Transaction } from "@throughline/log";
import { expect, test } from "vitest";
import { enqueue } from "./index.ts";
import { numbersTo, openOutbox, readWires, sequencesOf, tell, tellEarly, told } from "./outbox-under-test.ts";

test("what is written is the text that goes on the wire", async () => {
  await using outbox = await openOutbox();
  await runCausedBy({ id: "cause-1", correlationId: "request-1" }, () =>
    tell(outbox.database, told("o-1", { a: "ü" })),
  );
  const [wire = ""] = await readWires(outbox.database);
  expect(parseEnvelope(wire)).toMatchObject({
    type: "order.created",
    key: "o-1",
    source: "order-service",
    sequence: 1,
    correlationId: "request-1",
    causationId: "cause-1",
    data: { a: "ü" },
  });
  expect(wire).toMatch(/^[ -~]+$/);
});

test("a rolled back transaction leaves nothing, not even a gap in the sequence", async () => {
  await using outbox = await openOutbox();
  const undone = outbox.database.transaction(async (tx) => {
    await tellEarly(tx, told("o-1"));
    await enqueue(tx, "order-service", [told("o-1")]);
    throw new Error("undone");
  });
  await expect(undone).rejects.toThrow("undone");
  expect(await readWires(outbox.database)).toEqual([]);
  await tell(outbox.database, told("o-1"));
  expect(await readSequences(outbox)).toEqual({ "o-1": [1] });
});

test("messages of one call keep their order, and each key counts for itself", async () => {
  await using outbox = await openOutbox();
  await tell(outbox.database, told("b", 1), told("a", 2), told("b", 3));
  await tell(outbox.database, told("b", 4));
  const envelopes = (await readWires(outbox.database)).map(parseEnvelope);
  expect(envelopes.map(({ data }) => data)).toEqual([1, 2, 3, 4]);
  expect(sequencesOf(envelopes)).toEqual({ a: [1], b: [1, 2, 3] });
});

test("calls of one transaction keep their order, and a savepoint that is rolled back takes its own along", async () => {
  await using outbox = await openOutbox();
  await outbox.database.transaction(async (tx) => {
    await enqueue(tx, "order-service", [told("a", 1)]);
    const undone = tx.transaction(async (inner) => {
      await enqueue(inner, "order-service", [told("a", "undone")]);
      await tellEarly(inner, told("a", "undone"));
      await enqueue(inner, "order-service", [told("a", "undone")]);
      throw new Error("undone");
    });
    await expect(undone).rejects.toThrow("undone");
    await enqueue(tx, "order-service", [told("a", 2)]);
    await tx.transaction((inner) => enqueue(inner, "order-service", [told("a", 3)]));
    await enqueue(tx, "billing-service", [told("a", 1)]);
    await enqueue(tx, "order-service", [told("a", 4)]);
    await tx.execute("savepoint own");
    await enqueue(tx, "order-service", [told("a", "undone")]);
    await tx.execute("rollback to own");
    await enqueue(tx, "order-service", [told("a", 5)]);
  });
  const envelopes = (await readWires(outbox.database)).map(parseEnvelope);
  const ofOrder = envelopes.filter(({ source }) => source === "order-service");
  expect(ofOrder.map(({ sequence, data }) => [sequence, data])).toEqual(numbersTo(5).map((number) => [number, number]));
  expect(envelopes).toHaveLength(6);
});

test("what the database refuses fails the commit, and nothing is left of it", async () => {
  await using outbox = await openOutbox();
  await outbox.database.execute("alter table outbox add check (key <> 'refused')");
  const telling = outbox.database.transaction(async (tx) => {
    await tellEarly(tx, told("a"));
    await enqueue(tx, "order-service", [told("refused")]);
  });
  await expect(telling).rejects.toMatchObject({ query: "commit", cause: { cause: { code: "23514" } } });
  expect(await readWires(outbox.database)).toEqual([]);
});

test("sequences have no gap and follow the positions, however many write at once", async () => {
  await using outbox = await openOutbox();
  const writers = numbersTo(12).map(async (writer) => {
    for (const turn of numbersTo(20)) {
      const keys = [["a", "b", "c"], ["c", "b", "a"], ["b"]][writer % 3] ?? [];
      const work = outbox.database.transaction(async (tx) => {
        await enqueue(
          tx,
          "order-service",
          keys.map((key) => told(key)),
        );
        if (turn % 5 === 0) throw new Error("undone");
      });
      if (turn % 5 === 0) await expect(work).rejects.toThrow("undone");
      else await work;
    }
  });
  await Promise.all(writers);
  const [some, all] = [numbersTo(8 * 16), numbersTo(12 * 16)];
  expect(await readSequences(outbox)).toEqual({ a: some, b: all, c: some });
});

test("two sources count the messages about one key apart", async () => {
  await using outbox = await openOutbox();
  for (const source of ["order-service", "billing-service"]) {
    await outbox.database.transaction((tx) => enqueue(tx, source, [told("o-1")]));
  }
  const rows = await query(outbox.database, "sources", "select source, sequence::int from outbox order by position");
  expect(rows).toEqual([
    { source: "order-service", sequence: 1 },
    { source: "billing-service", sequence: 1 },
  ]);
});

test("a text that looks like the sequence is left alone", async () => {
  await using outbox = await openOutbox();
  await tell(outbox.database, told('o",\\"sequence":0,', { text: ',"sequence":0,' }));
  const [wire = ""] = await readWires(outbox.database);
  expect(parseEnvelope(wire)).toMatchObject({
    key: 'o",\\"sequence":0,',
    sequence: 1,
    data: { text: ',"sequence":0,' },
  });
});

test("no messages are no work, in any number of transactions", async () => {
  await using outbox = await openOutbox();
  await tell(outbox.database);
  expect(await readWires(outbox.database)).toEqual([]);
});

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
  expect(await readSequences(outbox)).toEqual({ "o-1": [1] });
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

async function readSequences(outbox: Awaited<ReturnType<typeof openOutbox>>): Promise<Record<string, number[]>> {
  return sequencesOf((await readWires(outbox.database)).map(parseEnvelope));
}
