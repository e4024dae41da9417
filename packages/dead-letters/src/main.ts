import "@throughline/service/telemetry";
import { colors, runCommand, toJson } from "@throughline/terminal";
import { openDesks } from "./command/open-desks.ts";
import { readCommandLine } from "./command/program.ts";

/** `npm run dead-letters`. The answer goes to stdout, all else to stderr. */
await runCommand(async (interrupted) => {
  const { work, service: only, isJson } = await readCommandLine(process.argv.slice(2));
  await using opened = await openDesks(only);
  for (const { service, reason } of opened.unavailable)
    console.error(colors.yellow(`${service} is not here: ${reason}`));
  if (opened.desks.length === 0) return 1;
  const { text, json, isDone = true } = await work(opened.desks, interrupted);
  console.log(isJson ? toJson(json) : text);
  return isDone && opened.unavailable.length === 0 ? 0 : 1;
});
