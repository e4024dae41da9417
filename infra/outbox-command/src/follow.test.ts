import { expect, test } from "vitest";
import { follow } from "./replay.ts";

const options = { messages: 10, isQuiet: true, interrupted: new AbortController().signal };

test("a replay is followed until the relay has caught up, also through a change of relays", async () => {
  const steps = [
    { done: 0, isHeld: false },
    { done: 4, isHeld: true },
    { done: 4, isHeld: false },
    { done: 10, isHeld: true },
  ];
  const progress = async () => steps.shift() ?? { done: 0, isHeld: false };
  expect(await follow({ total: 10, progress }, { ...options, patienceMs: 60_000 })).toBe("caught up");
  expect(steps).toEqual([]);
});

test("nobody waits for a relay that does not run", async () => {
  const progress = async () => ({ done: 0, isHeld: false });
  expect(await follow({ total: 10, progress }, { ...options, patienceMs: 0 })).toBe("waiting");
});

test("a person may leave", async () => {
  const person = new AbortController();
  const progress = async () => {
    person.abort();
    return { done: 4, isHeld: true };
  };
  const course = follow({ total: 10, progress }, { ...options, interrupted: person.signal, patienceMs: 60_000 });
  expect(await course).toBe("left");
});
