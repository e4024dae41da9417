import type { NotDone } from "@throughline/dead-letters/operation";
import type { Silent } from "./desks.ts";
import { type Html, html } from "./html.ts";

/** Letters as they are meant by the command: a letter, a kind or all. */
export function placeOf(choice: string): string {
  return `/dead-letters/${encodeURIComponent(choice)}`;
}

export function when(moment: Date): Html {
  const iso = moment.toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace("T", " ")}</time>`;
}

/** In one line, and no longer than a line is. */
export function short(text: string, length = 120): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}

export function letters(count: number): string {
  return `${count.toLocaleString("en")} ${count === 1 ? "letter" : "letters"}`;
}

/** Services that cannot be looked at now. */
export function silentList(silent: readonly Silent[]): Html | undefined {
  if (silent.length === 0) return undefined;
  return html`<div role="alert"><ul class="bad">${silent.map(
    ({ service, reason }) => html`<li>Of ${service} nothing is known now: ${short(reason, 300)}</li>`,
  )}</ul></div>`;
}

/** The first of those to which something could not be done, and why. */
export function failedList(failed: readonly NotDone[]): Html {
  return html`<ul>${failed
    .slice(0, 20)
    .map(
      ({ letter, reason }) => html`<li><a href="${placeOf(letter)}">${letter}</a>: ${short(reason, 200)}</li>`,
    )}</ul>`;
}

/** What only operators do; others are told so. */
export function acts(mayAct: boolean, here: string, forms: Html): Html {
  if (mayAct) return forms;
  const next = String(new URLSearchParams({ next: here }));
  return html`<p class="dim">To send again, edit or discard, <a href="/sign-in?${next}">sign in as an operator</a>.</p>`;
}
