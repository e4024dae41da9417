import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError, Option } from "commander";

export type CommandLine = {
  /** How many purchases are replayed, from the beginning of the file. */
  readonly orders: number | "all";
  readonly file: string;
  readonly isPlain: boolean;
  readonly isRunning: boolean;
  readonly isJson: boolean;
};

const sample = fileURLToPath(new URL("../data/cdnow-sample.txt", import.meta.url));

/** Reads the arguments; where they are wrong, says why and ends the process with 1. */
export function readCommandLine(argv: readonly string[]): CommandLine {
  const { orders, file, plain, running, json } = new Command("npm run demo --")
    .description("Replays real purchases as orders, waits until all have settled, and audits what became of them.")
    .option("--orders <n|all>", "how many purchases, from the beginning of the file", toCount, 500)
    .addOption(
      new Option("--file <file>", "purchases in the columns of the CDNOW sample").default(sample, "the sample itself"),
    )
    .option("--plain", "no declines, sold-out stock, repeats or cancellations", false)
    .option("--running", "against what already runs, by npm start or docker compose up", false)
    .option("--json", "prints the result as one JSON object, and nothing else on stdout", false)
    .addHelpText("after", "\nExits with 0 only if nothing was lost and nothing happened twice.")
    .parse([...argv], { from: "user" })
    .opts<{ orders: number | "all"; file: string; plain: boolean; running: boolean; json: boolean }>();
  return { orders, file, isPlain: plain, isRunning: running, isJson: json };
}

function toCount(value: string): number | "all" {
  if (value === "all") return value;
  if (/^[1-9]\d{0,8}$/.test(value)) return Number(value);
  throw new InvalidArgumentError('Expected a whole number from 1, or "all".');
}
