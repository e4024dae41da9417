import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Bench } from "./bench.ts";
import { type Judgement, judge, type Standing, standingsOf } from "./judge.ts";
import type { Machine } from "./machine.ts";
import { toSvg } from "./picture.ts";
import type { RoundFigures, Rounds } from "./rounds.ts";

/** All that is known of one run of one bench. */
export type Result = {
  readonly bench: Bench;
  readonly at: string;
  readonly machine: Machine;
  readonly wantedRounds: number;
  readonly validRounds: number;
  readonly voidRounds: number;
  readonly standings: readonly Standing[];
  readonly judgements: readonly Judgement[];
  readonly raw: { readonly valid: readonly RoundFigures[]; readonly void: readonly RoundFigures[] };
};

const folder = fileURLToPath(new URL("../../results", import.meta.url));

export function resultOf(bench: Bench, wantedRounds: number, rounds: Rounds, machine: Machine): Result {
  return {
    bench,
    at: new Date().toISOString(),
    machine,
    wantedRounds,
    validRounds: rounds.valid.length,
    voidRounds: rounds.void.length,
    standings: standingsOf(bench, rounds),
    judgements: judge(bench, rounds),
    raw: { valid: rounds.valid, void: rounds.void },
  };
}

/** Keeps everything as JSON, and a picture of it. */
export function save(result: Result): void {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, result.bench.name);
  writeFileSync(`${path}.json`, `${JSON.stringify(result, undefined, 2)}\n`);
  writeFileSync(`${path}.svg`, toSvg(result));
}

/** False where something was refused, a goal was missed by more than the margin, or too few rounds counted. */
export function isGood({ standings, judgements, wantedRounds, validRounds }: Result): boolean {
  return (
    validRounds >= wantedRounds &&
    standings.every(({ refused }) => refused === undefined) &&
    judgements.every(({ verdict }) => verdict !== "missed")
  );
}
