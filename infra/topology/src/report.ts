import { differencesOf, openTopology, type Settings, type Standing } from "@throughline/transport/topology";
import type { Needed } from "./brokers.ts";
import { sentenceOf } from "./sentence.ts";

export type Line = {
  readonly kind: Standing["declared"]["kind"];
  readonly name: string;
  readonly state: "in step" | "missing" | "differs";
  /** Only what is not as declared. */
  readonly differences: readonly { readonly setting: string; readonly declared: string; readonly found: string }[];
};

export type Report = {
  readonly road: string;
  readonly address: string;
  readonly lines: readonly Line[];
  /** In the namespace, and not in the manifest. */
  readonly others: readonly string[];
  /** Why the broker could not be looked at, or not changed as it was to be. */
  readonly failure?: string;
};

/** Looks at one broker, and changes it first where that is asked. Never rejects. */
export async function reportOn({ road, address, settings, demand }: Needed, isApplied: boolean): Promise<Report> {
  const base = { road, address, lines: [], others: [] };
  if (address.startsWith("unknown: ")) return { ...base, failure: address.slice("unknown: ".length) };
  try {
    await using broker = await openTopology(road, settings, demand);
    const applied = isApplied ? await failureOf(broker.apply()) : undefined;
    const { standings, others } = await broker.look();
    return { ...base, lines: standings.map(toLine), others, ...(applied === undefined ? {} : { failure: applied }) };
  } catch (error) {
    return { ...base, failure: sentenceOf(error) };
  }
}

/** 0 in step, 1 out of step, 2 where that cannot be said. */
export function exitCodeOf(reports: readonly Report[]): 0 | 1 | 2 {
  if (reports.some(({ failure }) => failure !== undefined)) return 2;
  return reports.every(({ lines }) => lines.every(({ state }) => state === "in step")) ? 0 : 1;
}

function toLine(standing: Standing): Line {
  const { declared, found } = standing;
  const names = differencesOf(standing);
  const differences = (names ?? []).map((setting) => ({
    setting,
    declared: valueIn(declared.settings, setting),
    found: valueIn(found, setting),
  }));
  const state = names === undefined ? "missing" : names.length > 0 ? "differs" : "in step";
  return { kind: declared.kind, name: declared.name, state, differences };
}

function valueIn(settings: Settings | undefined, name: string): string {
  return settings?.[name] || "nothing";
}

async function failureOf(work: Promise<void>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return sentenceOf(error);
  }
}
