import Table from "cli-table3";
import pc from "picocolors";
import type { Line, Report } from "./report.ts";

/** Everything as text; coloured only on a terminal. */
export function toText(reports: readonly Report[], isTerminal: boolean): string {
  const colours = pc.createColors(isTerminal);
  return reports.flatMap((report) => [...section(report, colours), ""]).join("\n");
}

const noLines = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };

type Colours = ReturnType<typeof pc.createColors>;

function section({ road, address, lines, others, failure }: Report, colours: Colours): string[] {
  const heading = colours.bold(`${road}  ${address}`);
  const failed = failure === undefined ? [] : [colours.red(`  ${failure.replaceAll("\n", "\n  ")}`)];
  if (lines.length === 0) return [heading, ...failed];
  const table = new Table({ head: ["what", "name", "state", ""], chars: noLines, style: { head: [], border: [] } });
  for (const line of lines) table.push([line.kind, line.name, stateOf(line, colours), explanationOf(line)]);
  return [heading, table.toString(), ...strangers(others), sumOf(lines), ...failed];
}

function stateOf({ state }: Line, { green, red, yellow }: Colours): string {
  return { "in step": green, missing: red, differs: yellow }[state](state);
}

function explanationOf({ differences }: Line): string {
  return differences
    .map(({ setting, declared, found }) => `${setting} is ${found}, declared is ${declared}`)
    .join("\n");
}

function strangers(others: readonly string[]): string[] {
  return others.length === 0 ? [] : [`  Not in the manifest, and left alone: ${others.join(", ")}`];
}

function sumOf(lines: readonly Line[]): string {
  const count = (state: Line["state"]) => lines.filter((line) => line.state === state).length;
  return `  ${count("in step")} in step, ${count("missing")} missing, ${count("differs")} that differ`;
}
