import type { Desk } from "./desk.ts";
import { findLetter, findNumbers, type Letter, type State } from "./letter.ts";

/** A letter and the desk of its service. */
export type Chosen = { readonly desk: Desk; readonly number: number };

/** A letter to which something could not be done, by its name, and why. */
export type NotDone = { readonly letter: string; readonly reason: string };

export function notDone({ desk, number }: Chosen, error: unknown): NotDone {
  return { letter: `${desk.service}-${number}`, reason: error instanceof Error ? error.message : String(error) };
}

/** How letters are meant: `billing-17`, a kind by its eight hex digits, or `all`. */
export const choiceForm = "a letter (billing-17), a kind (3fa94b1c) or all";

/** The letters meant, oldest death first; what is named by itself is there whatever its state. Throws where there are none. */
export async function choose(
  desks: readonly Desk[],
  choice: string,
  filter: { readonly states: readonly State[]; readonly before?: Date },
): Promise<Chosen[]> {
  const [, service, number] = /^([a-z][a-z-]*)-(\d+)$/.exec(choice) ?? [];
  if (service !== undefined) {
    const desk = desks.find((each) => each.service === service);
    if (desk === undefined) throw new Error(`The service of ${choice} is not here: ${namesOf(desks)}`);
    return [{ desk, number: Number(number) }];
  }
  if (choice !== "all" && !/^[0-9a-f]{8}$/.test(choice)) throw new Error(`${choice}: expected ${choiceForm}`);
  const fingerprint = choice === "all" ? undefined : choice;
  const found = await Promise.all(
    desks.map(async (desk) =>
      (await findNumbers(desk.database, { ...filter, fingerprint })).map((each) => ({ desk, number: each })),
    ),
  );
  if (found.flat().length === 0 && fingerprint !== undefined) {
    throw new Error(`No letter of kind ${choice} is ${filter.states.join(" or ")}`);
  }
  return found.flat();
}

export async function read({ desk, number }: Chosen): Promise<Letter> {
  const letter = await findLetter(desk.database, number);
  if (letter === undefined) throw new Error(`There is no letter ${desk.service}-${number}`);
  return letter;
}

function namesOf(desks: readonly Desk[]): string {
  return desks.map(({ service }) => service).join(", ") || "no service answers";
}
