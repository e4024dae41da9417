import { userInfo } from "node:os";
import { type Place, readPlace } from "@throughline/outbox/operation";
import { Command, InvalidArgumentError, Option } from "commander";
import type { Work } from "./answer.ts";
import { choose } from "./choose.ts";
import { forget } from "./forget.ts";
import { services } from "./open-outboxes.ts";
import { sendAgain } from "./replay.ts";
import { tellStatus } from "./status.ts";

export type Task = { readonly work: Work; readonly service?: string; readonly isJson: boolean };

type Common = { readonly json: boolean; readonly service?: string; readonly as: string };
type OfDestination = { readonly destination: string; readonly yes: boolean };

/** Reads the arguments; where they are wrong, says why and ends the process with 1. */
export async function readCommandLine(argv: readonly string[]): Promise<Task> {
  let task: Task | undefined;
  const program = new Command("npm run outbox --")
    .description("What waits in the outboxes: see it, send it again, or give it up.")
    .addOption(new Option("--service <name>", "only this one; DATABASE_URL is then its own").choices([...services]))
    .option("--as <name>", "who does it, for the record", userInfo().username)
    .option("--json", "prints the answer as JSON, and nothing else on stdout", false)
    .configureHelp({ showGlobalOptions: true })
    .addHelpText(
      "after",
      "\nIt works on the databases alone, so the services may be down.\n" +
        "Exits with 0 when all was done, 1 when something was not, 130 at Ctrl-C.",
    );
  function does(work: Work): void {
    const { json: isJson, service } = program.opts<Common>();
    task = { work, isJson, ...(service === undefined ? {} : { service }) };
  }

  program
    .command("status")
    .description("what each destination has and lacks, and what holds it back")
    .action(() => does(tellStatus));
  program
    .command("replay")
    .description("sends a destination again what it has had; consumers know it by its ids")
    .requiredOption("--destination <name>", "kafka, sns-sqs, …")
    .requiredOption("--from <place>", "a time (2026-11-23T03:00:00Z), the id of a message, or a position", toPlace)
    .option("--yes", "asks nobody", false)
    .action(({ destination, from, yes: isSure }: OfDestination & { readonly from: Place }) => {
      const { json: isQuiet, as: by } = program.opts<Common>();
      does(async (outboxes, interrupted) =>
        sendAgain(await choose(outboxes, destination), { from, by, isSure, isQuiet, interrupted }),
      );
    });
  program
    .command("forget")
    .description("gives up what waits for a destination that is no more, so that the outbox shrinks again")
    .requiredOption("--destination <name>", "kafka, sns-sqs, …")
    .option("--yes", "asks nobody", false)
    .action(({ destination, yes: isSure }: OfDestination) =>
      does(async (outboxes, interrupted) =>
        forget(await choose(outboxes, destination), { by: program.opts<Common>().as, isSure, interrupted }),
      ),
    );

  await program.parseAsync([...argv], { from: "user" });
  if (task === undefined) throw new Error("No command was given");
  return task;
}

function toPlace(text: string): Place {
  const place = readPlace(text);
  if (place !== undefined) return place;
  throw new InvalidArgumentError("Expected a time such as 2026-11-23T03:00:00Z, the id of a message, or a position.");
}
