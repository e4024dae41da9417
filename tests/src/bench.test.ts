import { expect, test } from "vitest";
import type { Bench } from "../../bench/src/harness/bench.ts";
import { judge, standingsOf } from "../../bench/src/harness/judge.ts";
import { voidRounds } from "../../bench/src/harness/statistics.ts";
import { createTally, idOf, refusalOf } from "../../bench/src/harness/tally.ts";
import { toClaim } from "../../bench/src/harness/text.ts";

const bench: Bench = {
  name: "test",
  about: "Two that are made up.",
  contenders: ["floor", "ours"],
  figures: [{ name: "throughput", unit: "messages/s" }],
  goals: [{ id: "P0", figure: "throughput", of: "ours", than: { contender: "floor" }, atLeast: 1 }],
};

const round = (floor: number, ours: number) => ({ floor: { throughput: floor }, ours: { throughput: ours } });

test("a figure is refused where a message is lost, comes twice or was sent by nobody", () => {
  const tallyOf = (numbers: readonly number[]) => {
    const tally = createTally(3);
    for (const number of numbers) tally.take(idOf(number));
    return refusalOf(tally.faults());
  };
  expect(tallyOf([2, 0, 1])).toBeUndefined();
  expect(tallyOf([2, 0])).toBe(`1 lost (${idOf(1)} …)`);
  expect(tallyOf([2, 0, 1, 0])).toBe(`1 came twice (${idOf(0)} …)`);
  expect(tallyOf([2, 0, 1, 3])).toContain("1 nobody sent");
});

test("contenders are compared within a round, however much the machine changes between them", () => {
  const rounds = { valid: [round(100, 150), round(10, 14), round(50, 80)], void: [], refused: {} };
  expect(standingsOf(bench, rounds)[1]).toMatchObject({
    figures: { throughput: { median: 80, least: 14, most: 150 } },
    toProbe: { median: 1.5, least: 1.4, most: 1.6 },
  });
});

test("a goal is met, nearly met within a fifth, or missed", () => {
  const verdictOf = (ours: number) => judge(bench, { valid: [round(100, ours)], void: [], refused: {} })[0]?.verdict;
  expect([100, 99, 80, 79].map(verdictOf)).toEqual(["met", "near", "near", "missed"]);
});

test("a goal of none is met by none, and by nothing else", () => {
  const none: Bench = { ...bench, goals: [{ id: "P0", figure: "lost", of: "ours", atMost: 0 }] };
  const verdictOf = (lost: number) => judge(none, { valid: [{ ours: { lost } }], void: [], refused: {} })[0]?.verdict;
  expect([0, 1].map(verdictOf)).toEqual(["met", "missed"]);
});

test("what may not happen even once is judged by the worst round, also by one that is void", () => {
  const goals = [{ id: "P0", figure: "lost", of: "ours", atMost: 0, inEveryRound: true }];
  const verdictOf = (lost: number) => {
    const rounds = { valid: [0, 0].map((none) => ({ ours: { lost: none } })), void: [{ ours: { lost } }], refused: {} };
    return judge({ ...bench, goals }, rounds)[0]?.verdict;
  };
  expect([0, 1].map(verdictOf)).toEqual(["met", "missed"]);
});

test("whoever is refused has no figure, and a goal against it is not measured", () => {
  const rounds = { valid: [round(100, 150)], void: [], refused: { floor: "1 lost" } };
  expect(standingsOf(bench, rounds)[0]).toEqual({ contender: "floor", refused: "1 lost", figures: {} });
  expect(judge(bench, rounds)).toMatchObject([{ verdict: "not measured" }]);
});

test("a round in which the probe is far off its median is void", () => {
  expect([...voidRounds([100, 131, 100, 69, 130, 100])]).toEqual([1, 3]);
});

test("a goal says who is to be how much better than whom, and in what", () => {
  const [goal] = bench.goals;
  expect(goal && toClaim(goal)).toBe("ours, throughput ≥ 1 × floor");
});
