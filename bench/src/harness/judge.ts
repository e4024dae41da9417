import type { Bench, Goal } from "./bench.ts";
import type { RoundFigures, Rounds } from "./rounds.ts";
import { type Spread, spreadOf } from "./statistics.ts";

export type Standing = {
  readonly contender: string;
  /** Why its figures count for nothing. */
  readonly refused?: string;
  readonly figures: Readonly<Record<string, Spread>>;
  /** The first figure against the probe's in the same round. */
  readonly toProbe?: Spread;
};

export type Judgement = {
  readonly goal: Goal;
  readonly measured?: Spread;
  /** "near" is within the margin that a noisy machine is given; only "missed" fails a run. */
  readonly verdict: "met" | "near" | "missed" | "not measured";
};

const margin = 0.2;

export function standingsOf(bench: Bench, { valid, refused }: Rounds): Standing[] {
  const [probe] = bench.contenders;
  const [{ name: mainFigure }] = bench.figures;
  return bench.contenders.map((contender) => {
    const reason = refused[contender];
    if (reason !== undefined) return { contender, refused: reason, figures: {} };
    const spreads = bench.figures.flatMap(({ name }) => {
      const values = valuesOf(valid, contender, name);
      return values.length === 0 ? [] : [[name, spreadOf(values)] as const];
    });
    const ratios = ratiosOf(valid, { of: contender, figure: mainFigure, than: { contender: probe } });
    return {
      contender,
      figures: Object.fromEntries(spreads),
      ...(ratios.length > 0 && { toProbe: spreadOf(ratios) }),
    };
  });
}

export function judge(bench: Bench, { valid, void: voided, refused }: Rounds): Judgement[] {
  return bench.goals.map((goal) => {
    const rounds = goal.inEveryRound ? [...valid, ...voided] : valid;
    const isRefused = goal.of in refused || (goal.than?.contender ?? goal.of) in refused;
    const values = goal.than === undefined ? valuesOf(rounds, goal.of, goal.figure) : ratiosOf(rounds, goal);
    if (isRefused || values.length === 0) return { goal, verdict: "not measured" };
    const measured = spreadOf(values);
    return { goal, measured, verdict: verdictOf(goal, measured) };
  });
}

function verdictOf(goal: Goal, { median, least, most }: Spread): Judgement["verdict"] {
  if ("atLeast" in goal) {
    const measured = goal.inEveryRound ? least : median;
    return measured >= goal.atLeast ? "met" : measured >= goal.atLeast * (1 - margin) ? "near" : "missed";
  }
  const measured = goal.inEveryRound ? most : median;
  return measured <= goal.atMost ? "met" : measured <= goal.atMost * (1 + margin) ? "near" : "missed";
}

function valuesOf(rounds: readonly RoundFigures[], contender: string, figure: string): number[] {
  return rounds.map((figures) => figures[contender]?.[figure]).filter((value) => value !== undefined);
}

/** Within one round each, since only what ran side by side can be compared. */
function ratiosOf(rounds: readonly RoundFigures[], { of, figure, than }: Pick<Goal, "of" | "figure" | "than">) {
  return rounds.flatMap((figures) => {
    const ours = figures[of]?.[figure];
    const theirs = figures[than?.contender ?? of]?.[than?.figure ?? figure];
    return ours === undefined || theirs === undefined || theirs === 0 ? [] : [ours / theirs];
  });
}
