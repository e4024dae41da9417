import { colors, short, table, toJson, when } from "@throughline/terminal";
import { type Action, readActions } from "../actions.ts";
import { type Chosen, type NotDone, read } from "../choose.ts";
import type { Desk } from "../desk.ts";
import { type DryRun, dryRun } from "../dry-run.ts";
import { type Kind, readKinds } from "../kinds.ts";
import type { Letter } from "../letter.ts";
import { pointOut } from "../pointed.ts";
import { previewReplay } from "../preview.ts";

/** What a command answers: text for a person, or the same as JSON. */
export type Answer = { readonly text: string; readonly json: unknown };

export async function list(desks: readonly Desk[], options: { readonly all: boolean }): Promise<Answer> {
  const perService = await Promise.all(
    desks.map(async ({ service, database }) =>
      (await readKinds(database, options)).map((kind) => ({ service, ...kind })),
    ),
  );
  const kinds = perService.flat().sort((a, b) => b.lastFailedAt.getTime() - a.lastFailedAt.getTime());
  const json = kinds.map(({ numbers, ...kind }) => ({
    ...kind,
    letters: numbers.map((each) => `${kind.service}-${each}`),
  }));
  if (kinds.length === 0) return { text: colors.green("No message waits for you."), json };
  const head = ["kind", "open", "group", "type", "last (UTC)", "letters", "error"];
  return { text: table(head, kinds.map(toRow)), json };
}

function toRow({ service, ...kind }: Kind & { readonly service: string }): string[] {
  const open = `${kind.open}${kind.quarantined > 0 ? `+${kind.quarantined} quarantined` : ""}`;
  const letters = `${kind.numbers
    .slice(0, 2)
    .map((each) => `${service}-${each}`)
    .join(" ")}${kind.numbers.length > 2 ? " …" : ""}`;
  return [kind.fingerprint, open, kind.group, kind.type ?? "-", when(kind.lastFailedAt), letters, short(kind.error)];
}

export async function show(chosen: Chosen): Promise<Answer> {
  const letter = await read(chosen);
  const actions = await readActions(chosen.desk.database, letter.number);
  const pointed = await pointOut(letter.body);
  const name = `${chosen.desk.service}-${letter.number}`;
  const { body, ...rest } = letter;
  const json = {
    letter: name,
    ...rest,
    body: Buffer.from(body).toString(),
    contractFault: pointed.fault ?? null,
    actions,
  };
  const lines = pointed.lines.slice(0, 400).map(({ text, isFault }) => (isFault ? colors.red(text) : short(text, 400)));
  const verdict =
    pointed.fault === undefined
      ? colors.green("The body keeps today's contract.")
      : colors.red(short(pointed.fault, 1_000));
  const more = pointed.more === 0 ? [] : [colors.dim(`${pointed.more} faults more, which are not pointed at above.`)];
  return {
    text: [...facts(name, letter), "", ...lines, "", verdict, ...more, ...actions.map(toLine)].join("\n"),
    json,
  };
}

function facts(name: string, letter: Letter): string[] {
  const { group, road, origin, error, type, key, messageId, attempts, deaths, replays, firstFailedAt, failedAt } =
    letter;
  const place = origin.partition === undefined ? "" : `, partition ${origin.partition}, offset ${origin.offset}`;
  const rows = [
    ["message", `${type ?? "not an envelope"} ${messageId ?? ""}, key ${key ?? "-"}`],
    ["from", `${origin.name} on ${road}${place}`],
    ["failed in", `${group}, ${attempts} attempts; died ${deaths} times, sent again ${replays} times`],
    ["when", `first ${when(firstFailedAt)}, last ${when(failedAt)} UTC`],
    ["trace", letter.traceparent ?? "-"],
    ["kind", letter.fingerprint],
    ["headers", short(JSON.stringify(letter.headers), 300)],
    [
      "stack",
      (error.stack || `${error.name}: ${error.message}`)
        .split("\n")
        .slice(0, 12)
        .join(`\n${" ".repeat(11)}`),
    ],
  ];
  return [
    `${colors.bold(name)} is ${colors.bold(letter.state)}`,
    ...rows.map(([what, text]) => `${what?.padEnd(9)}  ${text}`),
  ];
}

function toLine({ action, by, at, reason, detail }: Action): string {
  const why = [reason, detail].filter((part) => part !== null).join(", ");
  return `${when(at)} UTC  ${action} by ${by}${why === "" ? "" : `: ${why}`}`;
}

export async function preview(all: readonly Chosen[]): Promise<Answer> {
  const json = [];
  for (const chosen of all) {
    const { verdict, why } = await previewReplay(chosen.desk, await read(chosen));
    json.push({ letter: `${chosen.desk.service}-${chosen.number}`, verdict, why });
  }
  const counts = Map.groupBy(json, ({ verdict }) => verdict);
  const sum = [...counts].map(([verdict, list]) => `${list.length} ${verdict}`).join(", ") || "Nothing is open";
  const rows = json.slice(0, 50).map(({ letter, verdict, why }) => [letter, verdict, short(why)]);
  return { text: `${table(["letter", "verdict", "why"], rows)}\n${colors.bold(sum)}`, json };
}

/** What a command over many letters did not do: the first that failed, and how many it did not come to. */
export function notDoneLines(what: string, failed: readonly NotDone[], left: number): string[] {
  return [
    ...failed.slice(0, 20).map(({ letter, reason }) => `${letter} could not be ${what}: ${short(reason, 200)}`),
    ...(left > 0 ? [`${left} are left: the same command goes on with them`] : []),
  ];
}

export async function tryOut(chosen: Chosen): Promise<Answer> {
  const run = await dryRun(chosen.desk, await read(chosen));
  return { text: toText(run), json: run };
}

function toText({ verdict, why, changes, published }: DryRun): string {
  const tables = changes.flatMap(({ table: name, inserted, updated, deleted, rows }) => [
    `${colors.bold(name)}: ${inserted} inserted, ${updated} updated, ${deleted} deleted`,
    ...rows.map((row) => `  ${short(toOneLine(row), 300)}`),
  ]);
  const messages = published.map(({ type, key, data }) => `  ${type} ${key} ${short(toOneLine(data), 300)}`);
  return [
    `${colors.bold(verdict)}: ${why}`,
    ...tables,
    ...(messages.length > 0 ? [colors.bold("published:"), ...messages] : []),
    colors.dim("All of it was rolled back."),
  ].join("\n");
}

function toOneLine(value: unknown): string {
  return toJson(value).replace(/\s*\n\s*/g, " ");
}
