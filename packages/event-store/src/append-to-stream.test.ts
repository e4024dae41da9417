import { afterAll, beforeAll, expect, test } from "vitest";
import { type AppendOptions, appendToStream, readStream } from "./index.ts";
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

test("a command whose transaction was rolled back is not remembered", async () => {
  const streamId = newStream();
  const tell = { expected: "no-stream", commandId: "c-1" } as const;
  const failing = store.database.transaction(async (tx) => {
    await appendToStream(tx, streamId, "note", [noted("a")], tell);
    throw new Error("changed my mind");
  });
  await expect(failing).rejects.toThrow("changed my mind");
  expect(await append(streamId, ["a"], tell)).toMatchObject([{ version: 1 }]);
});

test("a command that is repeated in its own transaction returns its first result", async () => {
  const streamId = newStream();
  await store.database.transaction(async (tx) => {
    const tell = () => appendToStream(tx, streamId, "note", [noted("a")], { expected: "no-stream", commandId: "c-1" });
    expect(await tell()).toEqual(await tell());
  });
  expect(await versionsOf(streamId)).toEqual([1]);
});
