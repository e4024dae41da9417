import { colors, listenForInterruption, toJson } from "@throughline/terminal";
import { openDesks } from "./command/open-desks.ts";
import { readCommandLine, type Task } from "./command/program.ts";

/** `npm run dead-letters`. The answer goes to stdout, all else to stderr. */
const interrupted = listenForInterruption();

try {
  process.exitCode = await run(await readCommandLine(process.argv.slice(2)));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
if (interrupted.aborted) process.exitCode = 130;

async function run({ work, service, isJson }: Task): Promise<number> {
  await using opened = await openDesks(service);
  for (const { service, reason } of opened.unavailable)
    console.error(colors.yellow(`${service} is not here: ${reason}`));
  if (opened.desks.length === 0) return 1;
  const { text, json, isDone = true } = await work(opened.desks, interrupted);
  console.log(isJson ? toJson(json) : text);
  return isDone && opened.unavailable.length === 0 ? 0 : 1;
}
