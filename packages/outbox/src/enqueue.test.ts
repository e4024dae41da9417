import { parseEnvelope, runCausedBy } from "@throughline/envelope";
import { query } from "@throughline/log";
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

async function readSequences(outbox: Awaited<ReturnType<typeof openOutbox>>): Promise<Record<string, number[]>> {
  return sequencesOf((await readWires(outbox.database)).map(parseEnvelope));
}
