import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readSurroundings } from "@throughline/local/surroundings";
import { neededBrokers } from "./brokers.ts";
import { readCommandLine } from "./command-line.ts";
import { definitionsFor, generatedFiles } from "./files.ts";
import { exitCodeOf, reportOn } from "./report.ts";
import { toText } from "./table.ts";

/** `npm run topology`. The result goes to stdout, all else to stderr. */
const { isApplied, isJson, isWritten, printsDefinitions } = readCommandLine(process.argv.slice(2));

try {
  if (printsDefinitions) process.stdout.write(definitionsFor(process.env.NAMESPACE));
  else process.exitCode = isWritten ? write() : await compare();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}

async function compare(): Promise<number> {
  const { env, source } = readSurroundings();
  // The AWS SDK looks for its credentials there and nowhere else.
  for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) if (env[name]) process.env[name] = env[name];
  console.error(`Looking at ${source}.`);
  const reports = await Promise.all(neededBrokers(env).map((needed) => reportOn(needed, isApplied)));
  const exitCode = exitCodeOf(reports);
  const isInStep = exitCode === 0;
  console.log(isJson ? JSON.stringify({ isInStep, brokers: reports }, undefined, 2) : toText(reports, isTerminal()));
  return exitCode;
}

function write(): number {
  const root = fileURLToPath(new URL("../../..", import.meta.url));
  for (const { path, text } of generatedFiles()) {
    writeFileSync(`${root}/${path}`, text);
    console.error(`Written: ${path}`);
  }
  return 0;
}

function isTerminal(): boolean {
  return process.stdout.isTTY === true && !process.env.NO_COLOR;
}
