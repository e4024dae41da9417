import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { keepLeases } from "./leases.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] }));
afterEach(() => void vi.useRealTimers());

test("an extension that failed is tried again before the lease is over", async () => {
  const extendedAt: number[] = [];
  const lost: Error[] = [];
  const extend = async () => {
    extendedAt.push(performance.now());
    if (extendedAt.length < 3) throw new Error("throttled");
  };
  using leases = keepLeases({ firstSeconds: 10, seconds: 30, extend, onLost: (error) => lost.push(error) });
  const begin = performance.now();
  const release = leases.hold("handle");
  await vi.advanceTimersByTimeAsync(10_000);
  await release();
  expect(extendedAt.map((at) => at - begin)).toEqual([2_500, 5_000, 7_500]);
  expect(lost).toHaveLength(2);
});
