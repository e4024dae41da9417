import { workTypes } from "@throughline/contracts";
import type { Action, Letter, Pointed, Preview } from "@throughline/dead-letters/operation";
import { withoutSecret } from "@throughline/service";
import { type Html, html } from "./html.ts";
import { acts, placeOf, short, when } from "./letter-words.ts";
import type { Page } from "./page.ts";
import { discardForm, replayForm } from "./replay-form.ts";

export type LetterView = {
  /** `billing-17`. */
  readonly name: string;
  readonly letter: Letter;
  readonly pointed: Pointed;
  readonly preview: Preview;
  readonly actions: readonly Action[];
  readonly mayAct: boolean;
};

const mostLines = 400;

/** One letter whole: what is wrong with it, what a replay would do, and what has been done. */
export function letterPage(view: LetterView): Page {
  const { name, letter, pointed, preview, actions } = view;
  return {
    title: name,
    body: html`<p>This letter is <strong>${letter.state}</strong>. ${isWaiting(letter) ? whatNow(preview) : undefined}</p>
    ${facts(letter)}
    ${isWaiting(letter) ? acts(view.mayAct, placeOf(name), forms(name, letter)) : undefined}
    <h2>What has been done</h2>
    ${actions.length === 0 ? html`<p class="dim">Nothing yet.</p>` : html`<ul>${actions.map(actionLine)}</ul>`}
    <h2>What the message says</h2>
    ${contractSentence(pointed)}
    ${body(pointed)}
    <h2>Headers</h2>
    <pre tabindex="0">${JSON.stringify(letter.headers, withoutSecret, 2)}</pre>
    <h2>Where it failed</h2>
    <pre tabindex="0">${letter.error.stack || `${letter.error.name}: ${letter.error.message}`}</pre>`,
  };
}

export function isWaiting({ state }: Pick<Letter, "state">): boolean {
  return state === "open" || state === "quarantined";
}

/** Whoever does it knows it by its id: a correction, which has another, would be done as well. */
export function isWork({ type }: Pick<Letter, "type">): boolean {
  return workTypes.includes(type ?? "");
}

function whatNow({ verdict, why }: Preview): Html {
  const tone = verdict === "fails" ? "bad" : verdict === "not sent" ? "dim" : "good";
  return html`Sent again now: <strong class="${tone}">${verdict}</strong> – ${short(why, 300)}.`;
}

function facts(letter: Letter): Html {
  const { group, road, origin, error, type, version, key, messageId, correlationId, traceparent } = letter;
  const { attempts, deaths, replays, firstFailedAt, failedAt, fingerprint, replacedBy } = letter;
  const place = origin.partition === undefined ? "" : `, partition ${origin.partition}, offset ${origin.offset}`;
  return html`<dl>
    <dt>error</dt><dd class="data bad">${short(`${error.name}: ${error.message}`, 1_000)}</dd>
    <dt>message</dt><dd>${type === null ? "no envelope" : `${type}, version ${version}`} <code>${messageId ?? ""}</code></dd>
    <dt>key</dt><dd>${key === null ? "–" : html`<a href="/orders/${encodeURIComponent(key)}">${key}</a>, the story of the order`}</dd>
    <dt>from</dt><dd>${origin.name} on ${road}${place}</dd>
    <dt>failed in</dt><dd>${group}, at attempt ${attempts}; died ${times(deaths)}, ${replays === 0 ? "never sent again" : `sent again ${times(replays)}`}</dd>
    <dt>when, UTC</dt><dd>first ${when(firstFailedAt)}, last ${when(failedAt)}</dd>
    <dt>kind</dt><dd><a href="${placeOf(fingerprint)}"><code>${fingerprint}</code></a></dd>
    <dt>correlation</dt><dd><code>${correlationId ?? "–"}</code></dd>
    ${traceparent === null ? undefined : html`<dt>trace</dt><dd><code>${traceparent}</code></dd>`}
    ${replacedBy === null ? undefined : html`<dt>in its place</dt><dd>message <code>${replacedBy}</code></dd>`}</dl>`;
}

function forms(name: string, letter: Letter): Html {
  const place = placeOf(name);
  return html`<div class="cards">
    ${letter.state === "open" ? replayForm(name, { open: 1 }) : undefined}
    <div class="card stack"><h2>Look closer</h2>
      <form method="post" action="${place}/dry-run"><button type="submit">Dry run</button></form>
      <p>Handles it in a transaction that is rolled back, and shows what that would write and publish.</p>
      ${letter.type === null ? undefined : correction(place, letter)}</div>
    ${discardForm(name, { waiting: 1 })}</div>`;
}

function correction(place: string, letter: Letter): Html {
  return isWork(letter)
    ? html`<p>Work cannot be corrected: whoever does it knows it by its id, and might do it twice.</p>`
    : html`<p><a href="${place}/edit">Edit</a>: send a corrected message in its place.</p>`;
}

function contractSentence({ fault, more }: Pointed): Html {
  if (fault === undefined) return html`<p class="good">It keeps today's contract.</p>`;
  const others = more === 0 ? undefined : html`<p class="dim">${more} faults more, which are not pointed at below.</p>`;
  return html`<p class="bad">${short(fault, 1_000)}</p>${others}`;
}

function body({ lines }: Pointed): Html {
  const shown = lines.slice(0, mostLines);
  return html`<pre tabindex="0">${shown.map(({ text, isFault }) =>
    isFault ? html`<mark>${text}</mark>\n` : html`${text}\n`,
  )}</pre>${lines.length > mostLines ? html`<p class="dim">${lines.length - mostLines} lines more.</p>` : undefined}`;
}

function actionLine({ action, by, at, reason, detail }: Action): Html {
  const why = [reason, detail].filter((part) => part !== null).join(", ");
  return html`<li>${when(at)} UTC: ${action} by ${by}${why === "" ? "" : `: ${why}`}</li>`;
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
