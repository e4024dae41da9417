import type { Discarded } from "@throughline/dead-letters/operation";
import { html } from "./html.ts";
import { failedList, letters, placeOf } from "./letter-words.ts";
import type { Page } from "./page.ts";

/** Where not all could be given up: how many were, and why the others were not. */
export function discardedPage(choice: string, { discarded, failed }: Pick<Discarded, "discarded" | "failed">): Page {
  return {
    title: `Not all of ${choice} is given up`,
    status: 500,
    body: html`<p>${letters(discarded)} ${discarded === 1 ? "was" : "were"} discarded.</p>
    <p class="bad" role="alert">${letters(failed.length)} ${failed.length === 1 ? "was" : "were"} not:</p>
    ${failedList(failed)}
    <p><a href="${placeOf(choice)}">Back</a></p>`,
  };
}
