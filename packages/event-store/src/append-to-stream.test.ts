import { afterAll, beforeAll, expect, test } from "vitest";
import { type AppendOptions, appendToStream, ConcurrencyError, readStream } from "./index.ts";
import { openTestStore } from "./test-store.ts";

let store: Awaited<ReturnType<typeof openTestStore>>;
beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store[Symbol.asyncDispose]());

let streams = 0;
const newStream = () => `note-${streams++}`;
const noted = (text: string) => ({ type: "noted", data: { text } });
const append = (streamId: string, texts: readonly string[], options: AppendOptions) =>
  store.database.transaction((tx) => appendToStream(tx, streamId, "note", texts.map(noted), options));
const versionsOf = async (streamId: string) =>
  (await readStream(store.database, streamId)).map(({ version }) => version);

test("versions are 1 to n without a gap, and what is returned is what is read", async () => {
  const streamId = newStream();
  const first = await append(streamId, ["a", "b"], { expected: "no-stream", metadata: { correlationId: "c" } });
  const second = await append(streamId, ["c"], { expected: 2 });
  expect(await readStream(store.database, streamId)).toEqual([...first, ...second]);
  expect(await versionsOf(streamId)).toEqual([1, 2, 3]);
  expect(first[0]).toMatchObject({ streamId, type: "noted", data: { text: "a" }, metadata: { correlationId: "c" } });
});

test("sixteen writers without an expectation leave no gap and lose nothing", async () => {
  const streamId = newStream();
  await Promise.all(Array.from({ length: 48 }, (_, index) => append(streamId, [`${index}`, "x"], { expected: "any" })));
  expect(await versionsOf(streamId)).toEqual(Array.from({ length: 96 }, (_, index) => index + 1));
});

test("the second of two writers is told, and by how much it is late", async () => {
  const streamId = newStream();
  await append(streamId, ["a"], { expected: 0 });
  const outcomes = await Promise.allSettled([
    append(streamId, ["b", "c"], { expected: 1 }),
    append(streamId, ["d", "e"], { expected: 1 }),
  ]);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  const error = outcomes.find((outcome) => outcome.status === "rejected")?.reason;
  expect(error).toBeInstanceOf(ConcurrencyError);
  expect(error).toMatchObject({ streamId, expected: 1, actual: 3 });
  expect(await versionsOf(streamId)).toEqual([1, 2, 3]);
});

test("of two creators one wins", async () => {
  const streamId = newStream();
  const create = (text: string) => append(streamId, [text], { expected: "no-stream" });
  const outcomes = await Promise.allSettled([create("a"), create("b")]);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  expect(await versionsOf(streamId)).toEqual([1]);
});

test.each([
  { expected: "no-stream", missing: true, present: false },
  { expected: 0, missing: true, present: false },
  { expected: "any", missing: true, present: true },
  { expected: "stream-exists", missing: false, present: true },
  { expected: 1, missing: false, present: true },
  { expected: 2, missing: false, present: false },
] as const)("$expected appends to a missing stream: $missing, to one at version 1: $present", async (row) => {
  const { expected } = row;
  const appends = async (streamId: string) => {
    const outcome = await append(streamId, ["b"], { expected }).catch((error: unknown) => error);
    if (outcome instanceof Error) expect(outcome).toBeInstanceOf(ConcurrencyError);
    return !(outcome instanceof Error);
  };
  const present = newStream();
  await append(present, ["a"], { expected: "no-stream" });
  expect({ missing: await appends(newStream()), present: await appends(present) }).toMatchObject({
    missing: row.missing,
    present: row.present,
  });
});

test("without a transaction an append is one of its own", async () => {
  const streamId = newStream();
  const events = [noted("a"), noted("b")];
  const appendAlone = () => appendToStream(store.database, streamId, "note", events, { expected: 0, commandId: "c-1" });
  expect(await appendAlone()).toEqual(await appendAlone());
  expect(await versionsOf(streamId)).toEqual([1, 2]);
});

test("a refused append leaves nothing, although its transaction goes on and commits", async () => {
  const streamId = newStream();
  await store.database.transaction(async (tx) => {
    const refused = appendToStream(tx, streamId, "note", [noted("a")], { expected: 7 });
    await expect(refused).rejects.toThrow(`Stream ${streamId} is at version 0, expected 7`);
  });
  expect(await versionsOf(streamId)).toEqual([]);
  await append(streamId, ["a"], { expected: "no-stream" });
});

test("a rolled back transaction leaves nothing", async () => {
  const streamId = newStream();
  const failing = store.database.transaction(async (tx) => {
    await appendToStream(tx, streamId, "note", [noted("a")], { expected: "no-stream" });
    throw new Error("changed my mind");
  });
  await expect(failing).rejects.toThrow("changed my mind");
  expect(await versionsOf(streamId)).toEqual([]);
  await append(streamId, ["b"], { expected: "no-stream" });
});

test("a repeated command appends once and returns its first result, whatever it expects", async () => {
  const streamId = newStream();
  const first = await append(streamId, ["a", "b"], { expected: "no-stream", commandId: "c-1" });
  await append(streamId, ["c"], { expected: 2, commandId: "c-2" });
  for (const expected of ["no-stream", "any", "stream-exists", 3, 2] as const) {
    expect(await append(streamId, ["a", "b"], { expected, commandId: "c-1" })).toEqual(first);
  }
  expect(await versionsOf(streamId)).toEqual([1, 2, 3]);
});

test("the same command told sixteen times at once appends once", async () => {
  const streamId = newStream();
  const tell = () => append(streamId, ["a", "b"], { expected: "any", commandId: "c-1" });
  const results = await Promise.all(Array.from({ length: 16 }, tell));
  for (const result of results) expect(result).toEqual(results[0]);
  expect(await versionsOf(streamId)).toEqual([1, 2]);
});

test("one command may append to several streams", async () => {
  const [left, right] = [newStream(), newStream()];
  for (const streamId of [left, right]) await append(streamId, ["a"], { expected: "no-stream", commandId: "c-1" });
  expect(await Promise.all([left, right].map(versionsOf))).toEqual([[1], [1]]);
});

test("no events append nothing and create no stream", async () => {
  const streamId = newStream();
  expect(await append(streamId, [], { expected: "any" })).toEqual([]);
  await append(streamId, ["a"], { expected: "no-stream" });
});
