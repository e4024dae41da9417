import { expect, test, vi } from "vitest";
import { createKeyQueue } from "./key-queue.ts";

test("work of one key runs in turn, work of others beside it", async () => {
  const queue = createKeyQueue(10);
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const works = [
    queue.add("a", work(log, "a1", gate.promise)),
    queue.add("a", work(log, "a2")),
    queue.add("b", work(log, "b1")),
  ];
  await works[2];
  expect(log).toEqual(["a1 begins", "b1 begins", "b1 ends"]);
  gate.resolve();
  expect(await Promise.all(works)).toEqual([true, true, true]);
  expect(log.slice(3)).toEqual(["a1 ends", "a2 begins", "a2 ends"]);
  expect(queue.size).toBe(0);
});

test("the cap holds, and a free place is taken at once", async () => {
  const queue = createKeyQueue(2);
  let running = 0;
  let most = 0;
  const count = async () => {
    running += 1;
    most = Math.max(most, running);
    await Promise.resolve();
    running -= 1;
    return undefined;
  };
  await Promise.all(Array.from({ length: 50 }, (_, index) => queue.add(`key-${index}`, count)));
  expect(most).toBe(2);
});

test("a pause keeps the key and gives away the place", async () => {
  const queue = createKeyQueue(1);
  const log: string[] = [];
  let attempts = 0;
  const failsOnce = async () => {
    log.push(`a1 attempt ${++attempts}`);
    return attempts === 1 ? { delayMs: 10 } : undefined;
  };
  await Promise.all([queue.add("a", failsOnce), queue.add("a", work(log, "a2")), queue.add("b", work(log, "b1"))]);
  expect(log).toEqual(["a1 attempt 1", "b1 begins", "b1 ends", "a1 attempt 2", "a2 begins", "a2 ends"]);
});

test("work that throws ends, and the next of its key runs", async () => {
  const queue = createKeyQueue(1);
  const failed = queue.add("a", () => Promise.reject(new Error("broken")));
  const next = queue.add("a", async () => undefined);
  await expect(failed).rejects.toThrow("broken");
  expect(await next).toBe(true);
});

test("a stop waits for what runs, and drops what waits or pauses", async () => {
  const queue = createKeyQueue(2);
  const gate = Promise.withResolvers<void>();
  const log: string[] = [];
  const pausing = queue.add("p", async () => ({ delayMs: 2 ** 30 }));
  const works = [
    queue.add("a", work(log, "a1", gate.promise)),
    queue.add("a", work(log, "a2")),
    queue.add("b", work(log, "b1", gate.promise)),
    queue.add("c", work(log, "c1")),
  ];
  await vi.waitUntil(() => log.length === 2);
  let isStopped = false;
  const stopped = queue.stop().then(() => {
    isStopped = true;
  });
  expect(await pausing).toBe(false);
  expect(isStopped).toBe(false);
  gate.resolve();
  await stopped;
  expect(await Promise.all(works)).toEqual([true, false, true, false]);
  expect(await queue.add("d", work(log, "d1"))).toBe(false);
  expect(log).toEqual(["a1 begins", "b1 begins", "a1 ends", "b1 ends"]);
});

test("there is room again once a work has ended", async () => {
  const queue = createKeyQueue(1);
  const gate = Promise.withResolvers<void>();
  const first = queue.add("a", work([], "a1", gate.promise));
  await queue.room(2);
  let isFree = false;
  const room = queue.room(1).then(() => {
    isFree = true;
  });
  await Promise.resolve();
  expect(isFree).toBe(false);
  gate.resolve();
  await Promise.all([first, room]);
});

test("a cap that rises is used after advance", async () => {
  let cap = 0;
  const queue = createKeyQueue(() => cap);
  const log: string[] = [];
  const added = queue.add("a", work(log, "a1"));
  await Promise.resolve();
  expect(log).toEqual([]);
  cap = 1;
  queue.advance();
  expect(await added).toBe(true);
});

function work(log: string[], name: string, until?: Promise<void>): () => Promise<undefined> {
  return async () => {
    log.push(`${name} begins`);
    await until;
    log.push(`${name} ends`);
  };
}
