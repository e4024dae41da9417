import { listenForInterruption } from "@throughline/terminal";
import { audit, type Report } from "./audit.ts";
import { readCommandLine } from "./command-line.ts";
import { kinds } from "./finding.ts";
import { isGood, sumOf, toText } from "./table.ts";

/** `npm run audit`. The answer goes to stdout, all else to stderr. */
const interrupted = listenForInterruption();
// What runs in a database ends with its connection, so nothing is left.
interrupted.addEventListener("abort", () => process.exit(130));

try {
  const { period, addresses, isJson } = readCommandLine(process.argv.slice(2), new Date());
  const report = await audit(addresses, period);
  console.log(isJson ? JSON.stringify(toJson(report), undefined, 2) : toText(report, process.stdout.isTTY === true));
  process.exitCode = isGood(report) ? (report.incomplete.length > 0 ? 2 : 0) : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}

function toJson(report: Report) {
  const found = report.found.map((each) => ({ ...each, ...kinds[each.kind] }));
  return { ...report, found, sum: sumOf(report), isGood: isGood(report) };
}
