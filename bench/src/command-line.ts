import { parseArgs } from "node:util";
import { benches } from "./benches.ts";
import type { Bench } from "./harness/bench.ts";

export type CommandLine = { readonly chosen: readonly Bench[]; readonly rounds: number };

const usage = `npm run bench -- [NAME …] [--rounds N]

Measures side by side, in rounds of one run, and says what of it is as it should be.
${benches.map(({ name, about }) => `\n  ${name.padEnd(14)} ${about}`).join("")}

Exits with 0 only if nothing was lost, nothing came twice and no goal was missed by more than a fifth.`;

/** Reads the arguments; where they are wrong, or asked for, says how and ends the process. */
export function readCommandLine(args: readonly string[]): CommandLine {
  try {
    const options = { rounds: { type: "string" }, help: { type: "boolean", short: "h" } } as const;
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    if (values.help) end(usage, 0);
    const unknown = positionals.find((name) => !benches.some((bench) => bench.name === name));
    if (unknown !== undefined) throw new Error(`There is no bench ${unknown}.`);
    if (values.rounds !== undefined && !/^[1-9]\d?$/.test(values.rounds)) throw new Error("--rounds takes 1 to 99.");
    return {
      chosen: positionals.length === 0 ? benches : benches.filter(({ name }) => positionals.includes(name)),
      rounds: Number(values.rounds ?? 3),
    };
  } catch (error) {
    return end(`${error instanceof Error ? error.message : error}\n\n${usage}`, 1);
  }
}

function end(text: string, code: number): never {
  (code === 0 ? console.log : console.error)(text);
  process.exit(code);
}
