import { toSentence } from "@throughline/service";
import Table from "cli-table3";
import pc from "picocolors";
import type { Diagnoses, Diagnosis } from "./diagnosis.ts";

type Colours = ReturnType<typeof pc.createColors>;

/** A row for each check, a column for each place, and below them what is wrong, in sentences. */
export function toText({ places, unreached }: Diagnoses, isTerminal: boolean): string {
  const colours = pc.createColors(isTerminal);
  return [
    tableOf(
      places.filter(({ place }) => place !== "brokers"),
      colours,
    ),
    tableOf(
      places.filter(({ place, findings }) => place === "brokers" && findings.length > 0),
      colours,
    ),
    ...places.flatMap((place) => sentencesOf(place, colours)),
    ...unreached.map((reason) => colours.dim(`not looked at  ${reason}`)),
    sumOf(places),
  ].join("\n");
}

const noLines = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };

function tableOf(places: readonly Diagnosis[], colours: Colours): string {
  const [first] = places;
  if (first === undefined) return "";
  const head = ["check", ...places.map(({ place }) => place)];
  const table = new Table({ head, chars: noLines, style: { head: [], border: [] } });
  for (const [row, { check }] of first.findings.entries()) {
    table.push([check.id, ...places.map(({ findings }) => stateOf(findings[row], colours))]);
  }
  return table.toString();
}

function stateOf(finding: Diagnosis["findings"][number] | undefined, { green, red, yellow, dim }: Colours): string {
  if (finding === undefined || finding.state === "unseen") return dim("unseen");
  if (finding.state === "holds") return green("holds");
  return finding.check.severity === "contradiction" ? red("contradiction") : yellow("suspicion");
}

function sentencesOf({ place, findings }: Diagnosis, { red, yellow }: Colours): string[] {
  return findings.flatMap(({ check, fault }) => {
    if (fault === undefined) return [];
    const colour = check.severity === "contradiction" ? red : yellow;
    return [`${colour(`${check.id} (${place})`)}  ${toSentence(fault)}.`];
  });
}

function sumOf(places: readonly Diagnosis[]): string {
  const all = places.flatMap(({ findings }) => findings);
  const count = (severity: string) =>
    all.filter(({ state, check }) => state === "fault" && check.severity === severity).length;
  const stateCount = (state: string) => all.filter((finding) => finding.state === state).length;
  return `${stateCount("holds")} hold, ${count("contradiction")} contradictions, ${count("suspicion")} suspicions, ${stateCount("unseen")} unseen. docs/doctor.md says more of each.`;
}
