import type { Bench, Goal } from "./bench.ts";
import type { Judgement, Standing } from "./judge.ts";
import type { Machine } from "./machine.ts";
import type { Result } from "./result.ts";
import type { Spread } from "./statistics.ts";

/** A bench's result as text: a table, the goals, and what it must not be read without. */
export function toText({ bench, machine, validRounds, voidRounds, standings, judgements }: Result): string {
  const [probe] = bench.contenders;
  const units = bench.figures.map(({ name, unit }) => (unit === "" ? name : `${name}, ${unit}`));
  const head = ["", ...units, `× ${probe}`];
  return [
    `\n${bench.name}: ${bench.about}`,
    `Medians of ${validRounds} rounds side by side (least–most)${voidRounds > 0 ? `; ${voidRounds} more were void` : ""}.\n`,
    ...table([head, ...standings.map((standing) => rowOf(bench, standing))]),
    ...standings.flatMap(({ contender, refused }) => (refused === undefined ? [] : [`\n${contender}: ${refused}`])),
    ...(judgements.length > 0 ? [""] : []),
    ...judgements.map(toSentence),
    `\n${machineLine(machine)}`,
    versionsLine(machine),
  ].join("\n");
}

/** What ran, and how busy others kept it. */
export function machineLine({ processors, memory, usedByOthers, load }: Machine): string {
  return `${processors}, ${memory}; ${Math.round(usedByOthers * 100)} % used by others before, load ${load.join(" ")}.`;
}

function versionsLine({ versions }: Machine): string {
  const those = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${those.join(", ")}.`;
}

/** Three digits that count, with the commas of thousands. */
export function format(value: number): string {
  const rounded = Math.abs(value) < 1_000 ? Number(value.toPrecision(3)) : Math.round(value);
  return rounded.toLocaleString("en", { maximumFractionDigits: 6 });
}

function rowOf(bench: Bench, { contender, refused, figures, toProbe }: Standing): string[] {
  if (refused !== undefined) return [contender, "refused", ...bench.figures.slice(1).map(() => ""), ""];
  return [contender, ...bench.figures.map(({ name }) => toRange(figures[name])), toRange(toProbe)];
}

function toRange(spread: Spread | undefined): string {
  return spread === undefined ? "" : `${format(spread.median)} (${format(spread.least)}–${format(spread.most)})`;
}

function toSentence({ goal, measured, verdict }: Judgement): string {
  const found = measured === undefined ? "" : `: ${toRange(measured)}`;
  return `${goal.id} ${toClaim(goal)}${found}: ${verdict}.`;
}

export function toClaim(goal: Goal): string {
  const bound = "atLeast" in goal ? `≥ ${goal.atLeast}` : `≤ ${goal.atMost}`;
  if (goal.than === undefined) return `${goal.of}, ${goal.figure} ${bound}`;
  const { contender = goal.of, figure = goal.figure } = goal.than;
  const than = [contender === goal.of ? "" : contender, figure === goal.figure ? "" : figure].filter(
    (part) => part !== "",
  );
  return `${goal.of}, ${goal.figure} ${bound} × ${than.join(", ")}`;
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ");
  return rows.map(line);
}
