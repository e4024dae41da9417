import type { LetterLine } from "@throughline/dead-letters/operation";
import type { Silent } from "./desks.ts";
import { type Html, html } from "./html.ts";
import { acts, letters, placeOf, short, silentList, when } from "./letter-words.ts";
import type { ServiceKind } from "./letters-page.ts";
import type { Page } from "./page.ts";
import { discardForm, replayForm } from "./replay-form.ts";
import { scroll } from "./scroll.ts";

export type ServiceLine = LetterLine & { readonly service: string };

export type KindView = {
  readonly kind: ServiceKind;
  readonly lines: readonly ServiceLine[];
  /** Where the next lines begin. Absent on the last page. */
  readonly below?: number | undefined;
  readonly silent: readonly Silent[];
  readonly mayAct: boolean;
};

/** The letters that died of the same, and what can be done to all of them at once. */
export function kindPage({ kind, lines, below, silent, mayAct }: KindView): Page {
  const { fingerprint, group, type, error, open, quarantined, settled, firstFailedAt, lastFailedAt } = kind;
  const waiting = open + quarantined;
  return {
    title: `Failures of kind ${fingerprint}`,
    isLive: true,
    body: html`${silentList(silent)}
    <dl><dt>error</dt><dd class="data">${short(error, 1_000)}</dd>
      <dt>failed in</dt><dd>${group}</dd><dt>type</dt><dd>${type ?? "no envelope"}</dd>
      <dt>letters</dt><dd>${open} open, ${quarantined} sent again three times and dead again, ${settled} settled</dd>
      <dt>when, UTC</dt><dd>${when(firstFailedAt)} to ${when(lastFailedAt)}</dd></dl>
    ${waiting === 0 ? html`<p class="good">None of them waits for you.</p>` : acts(mayAct, placeOf(fingerprint), forms(kind, waiting))}
    <h2>${letters(waiting + settled)}</h2>
    ${linesTable(lines)}
    ${below === undefined ? undefined : html`<p><a href="${placeOf(fingerprint)}?below=${below}">Earlier ones</a></p>`}`,
  };
}

function forms({ fingerprint, open, lastFailedAt }: ServiceKind, waiting: number): Html {
  return html`<div class="cards">${open > 0 ? replayForm(fingerprint, { open, until: lastFailedAt }) : undefined}
    ${discardForm(fingerprint, { waiting, until: lastFailedAt })}</div>`;
}

export function linesTable(lines: readonly ServiceLine[]): Html {
  return scroll(
    "Letters",
    html`<table>
      <thead><tr><th>letter</th><th>state</th><th>key</th><th>last, UTC</th><th class="number">deaths</th>
        <th class="number">sent again</th><th>error</th></tr></thead>
      <tbody>${lines.map(lineRow)}</tbody></table>`,
  );
}

function lineRow({ service, number, state, key, failedAt, deaths, replays, error }: ServiceLine): Html {
  const name = `${service}-${number}`;
  return html`<tr><td><a href="${placeOf(name)}">${name}</a></td><td>${state}</td><td>${short(key ?? "–", 40)}</td>
    <td>${when(failedAt)}</td><td class="number">${deaths}</td><td class="number">${replays}</td>
    <td class="error">${short(error)}</td></tr>`;
}
