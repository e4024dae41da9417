import { expect, test, vi } from "vitest";
import { AwayError } from "./away-error.ts";
import { openPersistently } from "./open-persistently.ts";

/** Fails as long as there are errors, then opens; says what it has opened and closed. */
function opener(...errors: readonly Error[]) {
  const left = [...errors];
  const said: string[] = [];
  const open = async () => {
    const error = left.shift();
    if (error !== undefined) throw error;
    said.push("opened");
    return { [Symbol.asyncDispose]: async () => void said.push("closed") };
  };
  return { open, onAway: (error: AwayError) => void said.push(error.message), said };
}

test("what can be opened is open, and closed when disposed", async () => {
  const { open, onAway, said } = opener();
  const opening = await openPersistently(open, onAway);
  expect({ said, waitsFor: opening.waitsFor }).toEqual({ said: ["opened"], waitsFor: undefined });
  await opening[Symbol.asyncDispose]();
  expect(said).toEqual(["opened", "closed"]);
});

test("an outage is told once, however many attempts it lasts, and what it ends in is open", async () => {
  const { open, onAway, said } = opener(new AwayError("away"), new AwayError("still away"));
  await using opening = await openPersistently(open, onAway);
  expect({ said, waitsFor: opening.waitsFor }).toEqual({ said: ["away"], waitsFor: "away" });
  await vi.waitUntil(() => opening.waitsFor === "still away", { timeout: 10_000 });
  await vi.waitUntil(() => opening.waitsFor === undefined, { timeout: 10_000 });
  expect(said).toEqual(["away", "opened"]);
});

test("one that still waits is disposed at once, and opens nothing", async () => {
  const { open, onAway, said } = opener(new AwayError("away"));
  const opening = await openPersistently(open, onAway);
  await opening[Symbol.asyncDispose]();
  expect(said).toEqual(["away"]);
});

test("an attempt that hangs holds nobody up, and what it opens in the end is closed", async () => {
  const { open, onAway, said } = opener(new AwayError("away"));
  const [hanging, begun] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let attempts = 0;
  const openLate = async () => {
    if (++attempts > 1) {
      begun.resolve();
      await hanging.promise;
    }
    return await open();
  };
  const opening = await openPersistently(openLate, onAway);
  await begun.promise;
  await opening[Symbol.asyncDispose]();
  expect(said).toEqual(["away"]);
  hanging.resolve();
  await vi.waitUntil(() => said.length === 3, { timeout: 10_000 });
  expect(said).toEqual(["away", "opened", "closed"]);
});

test("a refusal is no outage", async () => {
  const { open, onAway } = opener(new Error("no such user"));
  await expect(openPersistently(open, onAway)).rejects.toThrow("no such user");
});

test("a refusal after an outage ends those who wait", async () => {
  const { open, onAway } = opener(new AwayError("away"), new Error("no such user"));
  const uncaught = Promise.withResolvers<unknown>();
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection").once("unhandledRejection", uncaught.resolve);
  await openPersistently(open, onAway);
  expect(await uncaught.promise).toMatchObject({ message: "no such user" });
  for (const listener of others) process.on("unhandledRejection", listener);
});
