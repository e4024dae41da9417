import Table from "cli-table3";
import pc from "picocolors";
import { count, type Finding, isHeld } from "./audit/finding.ts";
import type { Outcome } from "./demo.ts";
import { summarize } from "./summary.ts";

const mostOffenders = 10;

/** The whole result as text: the table, what breaks it, and a summary. */
export function toText(outcome: Outcome, isTerminal: boolean): string {
  const colours = pc.createColors(isTerminal);
  const table = new Table({
    head: ["", "what must hold", "expected", "found", ""],
    colWidths: [6, 29, 36, 36, 8],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  for (const finding of outcome.findings) {
    const verdict = isHeld(finding) ? colours.green("holds") : colours.red("BROKEN");
    table.push([finding.id, finding.says, finding.expected, finding.found, verdict]);
  }
  const faults = outcome.findings.filter((finding) => !isHeld(finding)).flatMap(toFaults);
  return [table.toString(), ...toWaiting(outcome.waiting), ...faults, ...summarize(outcome)].join("\n");
}

function toFaults({ id, says, expected, found, offenders }: Finding): string[] {
  const heading = `\n${id} is broken: ${says}. Expected ${expected}; found ${found}.`;
  return [heading, ...firstOf(offenders.map((offender) => `  ${offender.id}: ${offender.fault}`))];
}

function toWaiting(waiting: readonly string[]): string[] {
  if (waiting.length === 0) return [];
  return [`\nNot everything settled. Still waiting:`, ...firstOf(waiting.map((sentence) => `  ${sentence}`))];
}

function firstOf(lines: readonly string[]): string[] {
  const more = lines.length - mostOffenders;
  return [...lines.slice(0, mostOffenders), ...(more > 0 ? [`  … and ${count(more)} more`] : [])];
}
