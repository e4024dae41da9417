import type { Fault } from "@throughline/dead-letters/operation";
import { html } from "./html.ts";
import { placeOf } from "./letter-words.ts";
import type { Page } from "./page.ts";

export type EditView = {
  readonly name: string;
  readonly type: string;
  /** The data as JSON, as it was or as a person has written it. */
  readonly data: string;
  readonly reason: string;
  readonly refusal?: Refusal;
};

/** Why a person has it before them again. */
export type Refusal = {
  readonly message: string;
  readonly faults: readonly Fault[];
  /** Of the page. Default: 400. */
  readonly status?: number;
};

/** A corrected message, to be sent in the place of a letter. What breaks its contract is not sent, and said beside. */
export function editPage({ name, type, data, reason, refusal }: EditView): Page {
  const described = refusal === undefined ? undefined : html`aria-invalid="true" aria-describedby="faults"`;
  return {
    title: `Correct ${name}`,
    status: refusal === undefined ? 200 : (refusal.status ?? 400),
    body: html`<p>A new ${type} with this data is sent in the place of the letter. It has an id of its own and names the dead
      message as its cause.</p>
    <form class="stack" method="post" action="${placeOf(name)}/edit">
      ${
        refusal === undefined
          ? undefined
          : html`<div id="faults" class="bad" role="alert"><p>${refusal.message}</p>
        <ul>${refusal.faults.map(({ path, message }) => html`<li><code>${path.map(String).join(".")}</code>: ${message}</li>`)}</ul></div>`
      }
      <label>Data <textarea name="data" required rows="${Math.min(30, data.split("\n").length + 2)}" cols="80" spellcheck="false" ${described}>${data}</textarea></label>
      <label>Why, for the record <input name="reason" required maxlength="500" value="${reason}"></label>
      <button type="submit">Send it</button> <a href="${placeOf(name)}">Back</a></form>`,
  };
}
