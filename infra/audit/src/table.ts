import Table from "cli-table3";
import pc from "picocolors";
import type { Found, Report } from "./audit.ts";
import { kinds, type Verdict } from "./finding.ts";

const mostIds = 10;
const count = (number: number) => number.toLocaleString("en");

/** The answer in a sentence, the table, and the ids. */
export function toText(report: Report, isTerminal: boolean): string {
  const colours = pc.createColors(isTerminal);
  const { period, messages, deliveries, found, incomplete } = report;
  const table = new Table({ head: ["", "messages", "kind", "what they are"], style: { head: [], border: [] } });
  for (const { kind, count: number } of found) {
    const { verdict, says } = kinds[kind];
    const colour = isFault(verdict) ? colours.red : colours.yellow;
    table.push([colour(verdict), { content: count(number), hAlign: "right" }, kind, says]);
  }
  return [
    `From ${period.from.toISOString()} to ${period.to.toISOString()}: ${count(messages)} messages, ${count(deliveries)} deliveries.`,
    ...(found.length > 0 ? [table.toString()] : []),
    ...found.flatMap(toIds),
    ...incomplete.map((reason) => colours.yellow(`\nNot all of it could be compared. ${reason}`)),
    `\n${isGood(report) ? colours.green(sumOf(report)) : colours.red(sumOf(report))}`,
  ].join("\n");
}

export function sumOf({ found }: Report): string {
  const numberOf = (verdict: Verdict) =>
    found.filter(({ kind }) => kinds[kind].verdict === verdict).reduce((sum, each) => sum + each.count, 0);
  const [lost, doubled, ghosts] = [numberOf("lost"), numberOf("doubled"), numberOf("ghost")];
  const apart = [
    [numberOf("dead"), "set aside"],
    [numberOf("waiting"), "on their way"],
    [numberOf("settled"), "settled by a person"],
  ] as const;
  const others = apart.filter(([number]) => number > 0).map(([number, what]) => `${count(number)} ${what}`);
  return `${count(lost)} lost, ${count(doubled)} doubled, ${count(ghosts)} ghosts.${others.length > 0 ? ` Apart from that: ${others.join(", ")}.` : ""}`;
}

export function isGood({ found }: Report): boolean {
  return !found.some(({ kind }) => isFault(kinds[kind].verdict));
}

function isFault(verdict: Verdict): boolean {
  return verdict === "lost" || verdict === "doubled" || verdict === "ghost";
}

function toIds({ kind, findings }: Found): string[] {
  const lines = findings.slice(0, mostIds).map(({ id, fault }) => `  ${id}  ${fault}`);
  const more = findings.length > mostIds ? [`  … and more: --json names the first 1,000 of each kind`] : [];
  return [`\n${kind}: ${kinds[kind].says}`, ...lines, ...more];
}
