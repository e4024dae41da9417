import { expect, test, vi } from "vitest";
import { createAssignment } from "./assignment.ts";
import { createSettling } from "./batch-spans.ts";
import { createIntake } from "./intake.ts";
import type { Batch } from "./library.ts";

const topic = "dev.order.created";

test("a partition is paused with more than 500 messages in hand, and resumes once, when half of them are done", async () => {
  await using partitions = await openPartitions();
  partitions.take(0, 500);
  partitions.take(1, 1);
  expect(partitions.told).toEqual([]);
  partitions.take(0, 1);
  expect(partitions.told).toEqual(["pause 0"]);
  await partitions.end(250);
  expect(partitions.told).toEqual(["pause 0"]);
  await partitions.end(1);
  expect(partitions.told).toEqual(["pause 0", "resume 0"]);
  await partitions.end(251);
  expect(partitions.told).toEqual(["pause 0", "resume 0"]);
});

test("a partition that fills again is paused again", async () => {
  await using partitions = await openPartitions();
  partitions.take(0, 501);
  await partitions.end(251);
  partitions.take(0, 250);
  expect(partitions.told).toEqual(["pause 0", "resume 0"]);
  partitions.take(0, 1);
  expect(partitions.told).toEqual(["pause 0", "resume 0", "pause 0"]);
});

test("a partition that others may have by then is not resumed", async () => {
  await using partitions = await openPartitions();
  partitions.take(0, 501);
  await partitions.end(250);
  partitions.lose();
  await partitions.end(1);
  expect(partitions.told).toEqual(["pause 0"]);
});

/** Partitions of a member whose handlers end when they are told to, and what it said to its library meanwhile. */
async function openPartitions() {
  const told: string[] = [];
  const stuck: (() => void)[] = [];
  const taken = [0n, 0n];
  const intake = createIntake({
    concurrency: 10,
    traceReceipt: () => undefined,
    prepare: () => async () => {
      await new Promise<void>((resolve) => stuck.push(resolve));
      return undefined;
    },
    pause: (_topic, partition) => told.push(`pause ${partition}`),
    resume: (_topic, partition) => told.push(`resume ${partition}`),
  });
  const assignment = createAssignment({
    load: async () => [],
    send: async () => {},
    settling: createSettling("dev.billing", "billing"),
    onError: (error) => expect.unreachable(String(error)),
  });
  await assignment.ready;
  return {
    told,
    take(partition: number, count: number) {
      const first = taken[partition] ?? 0n;
      taken[partition] = first + BigInt(count);
      intake.take(batchOf(partition, first, count), assignment);
    },
    /** The oldest, one after another. */
    async end(count: number) {
      for (let n = 0; n < count; n += 1) {
        await vi.waitUntil(() => stuck.length > 0, { interval: 1 });
        stuck.shift()?.();
        await new Promise(setImmediate);
      }
    },
    lose: assignment.lose,
    async [Symbol.asyncDispose]() {
      const stopped = intake.stop();
      for (const end of stuck) end();
      await stopped;
      assignment.lose();
    },
  };
}

function batchOf(partition: number, first: bigint, count: number): Batch {
  const messages = Array.from({ length: count }, (_, n) => {
    const offset = first + BigInt(n);
    const key = Buffer.from(`${partition}/${offset}`);
    return { topic, partition, key, value: null, headers: [], offset, timestamp: 0n };
  });
  return { topic, partition, messages };
}
