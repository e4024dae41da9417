import { readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { text as readAll } from "node:stream/consumers";
import { momentOf } from "@throughline/terminal";
import { Command, InvalidArgumentError } from "commander";
import { type Chosen, choiceForm, choose } from "../choose.ts";
import { discardMany } from "../discard.ts";
import { editLetter } from "../edit.ts";
import { type Answer, list, notDoneLines, preview, show, tryOut } from "./look.ts";
import type { Desks } from "./open-desks.ts";
import { replayAtTerminal } from "./replay-at-terminal.ts";

/** What a command does at the desks. `isDone` is false where a part of it could not be done. */
export type Work = (desks: Desks["desks"], signal: AbortSignal) => Promise<Answer & { readonly isDone?: boolean }>;

export type Task = { readonly work: Work; readonly service?: string; readonly isJson: boolean };

type Common = { readonly as: string; readonly json: boolean; readonly service?: string };

/** Reads the arguments; where they are wrong, says why and ends the process with 1. */
export async function readCommandLine(argv: readonly string[]): Promise<Task> {
  let task: Task | undefined;
  const program = new Command("npm run dead-letters --")
    .description("Messages that failed: see them, see what sending them again would do, and send them again.")
    .option("--service <name>", "only this service's letters")
    .option("--as <name>", "who does it, for the record", userInfo().username)
    .option("--json", "prints the answer as JSON, and nothing else on stdout", false)
    .configureHelp({ showGlobalOptions: true })
    .addHelpText(
      "after",
      `\nLetters are ${choiceForm}.\nExits with 0 when all was done, 1 when something was not, 130 at Ctrl-C.`,
    );
  const does =
    (make: (...args: never[]) => Work) =>
    (...args: unknown[]) => {
      const { json: isJson, service } = program.opts<Common>();
      task = { work: make(...(args as never[])), isJson, ...(service === undefined ? {} : { service }) };
    };
  const by = () => program.opts<Common>().as;
  const open = { states: ["open", "quarantined"] } as const;

  program
    .command("list")
    .description("what waits, by kind of failure, over all services")
    .option("--all", "also what is settled", false)
    .action(
      does(
        ({ all }: { all: boolean }) =>
          (desks) =>
            list(desks, { all }),
      ),
    );
  program
    .command("show")
    .description("one letter whole, its body held against today's contract")
    .argument("<letter>")
    .action(does((letter: string) => async (desks) => show(await one(desks, letter))));
  program
    .command("preview")
    .description("what a replay would do, to each")
    .argument("<letters>")
    .action(does((letters: string) => async (desks) => preview(await choose(desks, letters, open))));
  program
    .command("dry-run")
    .description("handles one letter in a transaction that is rolled back, and shows what it would have written")
    .argument("<letter>")
    .action(does((letter: string) => async (desks) => tryOut(await one(desks, letter))));
  program
    .command("replay")
    .description("sends letters back to where they died, three times at most each")
    .argument("<letters>")
    .option("--before <time>", "only what died before this moment (ISO 8601)", toDate, new Date())
    .option("--rate <n>", "letters per second", toRate, 20)
    .option("--reason <text>", "why, for the record")
    .action(
      does(
        (letters: string, { before, ...options }: { before: Date; rate: number; reason?: string }) =>
          async (desks, signal) => {
            const chosen = await choose(desks, letters, { states: ["open"], before });
            const isQuiet = program.opts<Common>().json;
            const { done, ...answer } = await replayAtTerminal(chosen, { ...options, by: by(), signal, isQuiet });
            return { ...answer, isDone: done.failed.length === 0 && (done.notOpen === 0 || chosen.length > 1) };
          },
      ),
    );
  program
    .command("discard")
    .description("gives letters up; what waits behind them goes on")
    .argument("<letters>")
    .requiredOption("--reason <text>", "why, for the record")
    .action(
      does(
        (letters: string, { reason }: { reason: string }) =>
          async (desks, signal) =>
            discardAll(await choose(desks, letters, open), { by: by(), reason, signal }),
      ),
    );
  program
    .command("edit")
    .description("sends a corrected message, linked to the letter, in its place")
    .argument("<letter>")
    .requiredOption("--data <file>", "the data of the new message as JSON, - for stdin; it must keep the contract")
    .requiredOption("--reason <text>", "why, for the record")
    .action(
      does((letter: string, { data, reason }: { data: string; reason: string }) => async (desks) => {
        const { desk, number } = await one(desks, letter);
        const id = await editLetter(desk, number, await readJson(data), { by: by(), reason });
        return { text: `Message ${id} is on its way in place of ${letter}`, json: { letter, replacedBy: id } };
      }),
    );

  await program.parseAsync([...argv], { from: "user" });
  if (task === undefined) throw new Error("No command was given");
  return task;
}

async function discardAll(all: readonly Chosen[], options: Parameters<typeof discardMany>[1]) {
  const done = await discardMany(all, options);
  const { discarded, settled, failed, left } = done;
  const lines = [
    `${discarded} discarded${settled > 0 ? `, ${settled} were settled already` : ""}`,
    ...notDoneLines("discarded", failed, left),
  ];
  return { text: lines.join("\n"), json: done, isDone: discarded === all.length };
}

async function one(desks: Desks["desks"], letter: string) {
  const [chosen, ...more] = await choose(desks, letter, { states: ["open", "quarantined"] });
  if (chosen === undefined || more.length > 0) throw new Error(`${letter}: expected one letter, such as billing-17`);
  return chosen;
}

async function readJson(place: string): Promise<unknown> {
  const text = place === "-" ? await readAll(process.stdin) : await readFile(place, "utf8");
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`${place === "-" ? "stdin" : place}: ${text.length} characters that are not JSON`, { cause });
  }
}

function toDate(value: string): Date {
  const moment = momentOf(value);
  if (moment) return moment;
  throw new InvalidArgumentError("Expected a time such as 2026-11-23T03:00:00Z.");
}

function toRate(value: string): number {
  if (/^[1-9]\d{0,4}$/.test(value)) return Number(value);
  throw new InvalidArgumentError("Expected a whole number of letters per second, from 1.");
}
