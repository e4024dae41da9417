import {
  type Chosen,
  findLetter,
  findNumbers,
  type Letter,
  type LetterFilter,
} from "@throughline/dead-letters/operation";
import { problem } from "@throughline/service";
import { type Desks, openOne } from "./desks.ts";

const letterForm = /^([a-z][a-z-]*)-(\d{1,15})$/;

/** `billing-17`. Throws a problem: 404 where there is none, 503 where its service cannot be looked at now. */
export async function findChosen(desks: Desks, name: string): Promise<Chosen & { readonly letter: Letter }> {
  const [, service = "", digits] = letterForm.exec(name) ?? [];
  const unknown = problem(404, "Not Found", { detail: `There is no letter ${name}` });
  if (!desks.services.includes(service)) throw unknown;
  const desk = await openOne(desks, service);
  const letter = await findLetter(desk.database, Number(digits));
  if (letter === undefined) throw unknown;
  return { desk, number: letter.number, letter };
}

/** A letter by its name whatever its state; of a kind, or of all, those that pass the filter, oldest death first. */
export async function choose(
  desks: Desks,
  choice: string,
  filter: Omit<LetterFilter, "fingerprint">,
): Promise<readonly Chosen[]> {
  if (letterForm.test(choice)) return [await findChosen(desks, choice)];
  if (!isKind(choice) && choice !== "all")
    throw problem(404, "Not Found", { detail: `${choice} is no letter and no kind` });
  const fingerprint = choice === "all" ? undefined : choice;
  const found = (await desks.open()).desks.map(async (desk) =>
    (await findNumbers(desk.database, { ...filter, fingerprint })).map((number) => ({ desk, number })),
  );
  return (await Promise.all(found)).flat();
}

export function isKind(choice: string): boolean {
  return /^[0-9a-f]{8}$/.test(choice);
}
