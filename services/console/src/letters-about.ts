import { readLetterLines, states } from "@throughline/dead-letters/operation";
import { askEach, type Desks, type Silent } from "./desks.ts";
import type { ServiceLine } from "./kind-page.ts";

export type LettersAbout = { readonly lines: readonly ServiceLine[]; readonly silent: readonly Silent[] };

const mostPerService = 20;

/** What died of all that was told about `key`, in every service and whatever has become of it since. */
export async function findLettersAbout(desks: Desks, key: string): Promise<LettersAbout> {
  const { answers: lines, silent } = await askEach(await desks.open(), async ({ service, database }) =>
    (await readLetterLines(database, { key, states, most: mostPerService })).map((line) => ({ ...line, service })),
  );
  return { lines, silent };
}
