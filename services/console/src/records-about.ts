import { readLetterLines, states } from "@throughline/dead-letters/operation";
import { type About, type MessageAbout, readMessagesAbout } from "@throughline/outbox/operation";
import { askEach, type Desks, type Silent } from "./desks.ts";
import type { ServiceLine } from "./kind-page.ts";
import { hasOutbox } from "./outboxes.ts";

export type ServiceMessage = MessageAbout & { readonly service: string };

/** What the databases of the services know about an order, also while the services are down. */
export type RecordsAbout = {
  /** What was told, by each service in its order. */
  readonly messages: readonly ServiceMessage[];
  /** How many more were told that are not among them. */
  readonly others: number;
  /** What died of all that was told, whatever has become of it since. */
  readonly letters: readonly ServiceLine[];
  readonly silent: readonly Silent[];
};

export const noRecords: RecordsAbout = { messages: [], others: 0, letters: [], silent: [] };

const untold: About = { messages: [], others: 0 };
const mostPerService = 20;

/** Asks every service at once. */
export async function findRecordsAbout(desks: Desks, key: string): Promise<RecordsAbout> {
  const { answers, silent } = await askEach(await desks.open(), async ({ service, database }) => {
    const [letters, { messages, others }] = await Promise.all([
      readLetterLines(database, { key, states, most: mostPerService }),
      hasOutbox(service) ? readMessagesAbout(database, key) : untold,
    ]);
    const named = <Found>(found: Found) => ({ ...found, service });
    return [{ letters: letters.map(named), messages: messages.map(named), others }];
  });
  return {
    messages: answers.flatMap(({ messages }) => messages),
    others: answers.reduce((sum, { others }) => sum + others, 0),
    letters: answers.flatMap(({ letters }) => letters),
    silent,
  };
}
