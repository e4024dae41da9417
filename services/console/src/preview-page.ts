import type { DryRun, Preview } from "@throughline/dead-letters/operation";
import { type Html, html } from "./html.ts";
import { letters, placeOf, short } from "./letter-words.ts";
import type { Page } from "./page.ts";
import { scroll } from "./scroll.ts";

export type PreviewView = {
  readonly choice: string;
  readonly previews: readonly (Pick<Preview, "verdict" | "why"> & { readonly name: string })[];
  /** How many are meant: more than are previewed here, maybe. */
  readonly total: number;
};

/** What a replay would do to each. Nothing is sent. */
export function previewPage({ choice, previews, total }: PreviewView): Page {
  const counts = Map.groupBy(previews, ({ verdict }) => verdict);
  const sum = [...counts].map(([verdict, those]) => `${those.length} ${verdict}`).join(", ") || "nothing is open";
  return {
    title: `What a replay of ${choice} would do`,
    body: html`<p>${total > previews.length ? html`Of ${letters(total)} these are the ${previews.length} that died first: ` : undefined}
      <strong>${sum}</strong>.</p>
    ${scroll(
      "Preview",
      html`<table>
      <thead><tr><th>letter</th><th>verdict</th><th>why</th></tr></thead>
      <tbody>${previews.map(
        ({ name, verdict, why }) => html`<tr><td><a href="${placeOf(name)}">${name}</a></td>
          <td class="${verdict === "fails" ? "bad" : ""}">${verdict}</td><td class="error">${short(why, 200)}</td></tr>`,
      )}</tbody></table>`,
    )}
    <p><a href="${choice === "all" ? "/dead-letters" : placeOf(choice)}">Back</a></p>`,
  };
}

/** What the handling of one letter would have written and published, had it not been rolled back. */
export function dryRunPage(name: string, { verdict, why, changes, published }: DryRun): Page {
  return {
    title: `Dry run of ${name}`,
    body: html`<p><strong class="${verdict === "fails" ? "bad" : "good"}">${verdict}</strong>: ${short(why, 1_000)}. All of it was
      rolled back.</p>
    ${changes.map(
      ({
        table,
        inserted,
        updated,
        deleted,
        rows,
      }) => html`<h2>${table}: ${inserted} inserted, ${updated} updated, ${deleted} deleted</h2>
      ${rows.length === 0 ? undefined : json(rows)}`,
    )}
    ${published.length === 0 ? undefined : html`<h2>Would be published</h2>${json(published)}`}
    <p><a href="${placeOf(name)}">Back to ${name}</a></p>`,
  };
}

function json(value: unknown): Html {
  return html`<pre tabindex="0">${JSON.stringify(value, undefined, 2)}</pre>`;
}
