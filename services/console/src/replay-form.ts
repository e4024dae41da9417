import { type Html, html } from "./html.ts";
import { letters, placeOf } from "./letter-words.ts";

type Seen = {
  /** When the last of those died that a person sees: what dies while they think is not meant with them. Default: now. */
  readonly until?: Date | undefined;
};

export type Replayable = Seen & { readonly open: number };

/** Sends letters back to where they died. */
export function replayForm(choice: string, { open, until = new Date() }: Replayable): Html {
  const place = placeOf(choice);
  const isMany = open > 1;
  return html`<form class="stack card" method="post" action="${place}/replay">
    <h2>Send ${isMany ? letters(open) : "it"} again</h2>
    ${isMany ? html`<p><a href="${place}/preview">Preview</a>: what that would do to each.</p>` : undefined}
    ${hiddenBefore(until)}
    <label>Why, for the record <input name="reason" maxlength="500"></label>
    ${isMany ? html`<label>Per second <input name="rate" type="number" min="1" max="1000" value="20" required></label>` : undefined}
    <button type="submit">Send ${isMany ? letters(open) : "it"} again</button></form>`;
}

/** Gives letters up, for a reason. */
export function discardForm(
  choice: string,
  { waiting, until = new Date() }: Seen & { readonly waiting: number },
): Html {
  const what = waiting > 1 ? letters(waiting) : "it";
  return html`<form class="stack card" method="post" action="${placeOf(choice)}/discard">
    <h2>Give ${what} up</h2>
    ${hiddenBefore(until)}
    <label>Why, for the record <input name="reason" required maxlength="500"></label>
    <button type="submit">Discard ${what}</button></form>`;
}

function hiddenBefore(until: Date): Html {
  return html`<input type="hidden" name="before" value="${new Date(until.getTime() + 1).toISOString()}">`;
}
