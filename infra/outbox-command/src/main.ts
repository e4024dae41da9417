import { readSurroundings } from "@throughline/local/surroundings";
import { colors, runCommand, toJson } from "@throughline/terminal";
import { readCommandLine } from "./command-line.ts";
import { openOutboxes } from "./open-outboxes.ts";

/** `npm run outbox`. The answer goes to stdout, all else to stderr. */
await runCommand(async (interrupted) => {
  const { work, service: only, isJson } = await readCommandLine(process.argv.slice(2));
  await using opened = await openOutboxes(readSurroundings(), only);
  for (const { service, reason } of opened.unavailable)
    console.error(colors.yellow(`${service} is not here: ${reason}`));
  if (opened.outboxes.length === 0) return 1;
  const { text, json, isDone = true } = await work(opened.outboxes, interrupted);
  console.log(isJson ? toJson(json) : text);
  return isDone && opened.unavailable.length === 0 ? 0 : 1;
});
