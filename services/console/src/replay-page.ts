import type { Preview } from "@throughline/outbox/operation";
import { type Html, html } from "./html.ts";
import type { Page } from "./page.ts";
import type { Running } from "./replays.ts";
import { scroll } from "./scroll.ts";
import { brokerName, many } from "./words.ts";

/** What is asked for, and what it would send. */
export type Asked = {
  readonly service: string;
  readonly destination: string;
  /** As a person wrote it; empty at first. */
  readonly from: string;
  readonly preview?: Preview;
  /** Why there is no preview. */
  readonly fault?: string;
};

/** Asks from where on, and says what would be sent, before anything is. */
export function replayPage({ service, destination, from, preview, fault }: Asked): Page {
  const broker = brokerName(destination);
  return {
    title: `Send ${broker} again what it has had from ${service}`,
    status: fault === undefined ? 200 : 400,
    body: html`<p>Messages keep their ids and their order per key, so inboxes know what they have had. Everybody who listens
      at ${broker} gets them.</p>
    <form class="ask"><label for="from">From a time, the id of a message, or a position, and all after it</label>
      <input id="from" name="from" value="${from}" required maxlength="100" size="40" placeholder="2026-11-23T03:00:00Z"
        ${fault === undefined ? undefined : html`aria-invalid="true" aria-describedby="fault"`}>
      <button type="submit">Preview</button></form>
    ${fault === undefined ? undefined : html`<p id="fault" class="bad" role="alert">${fault}</p>`}
    ${preview === undefined ? undefined : previewOf(preview, broker)}`,
  };
}

function previewOf({ messages, types, period, keptSince, from }: Preview, broker: string): Html {
  const cut =
    keptSince && html`<p class="wait">What was written before ${keptSince.toISOString()} is no longer kept.</p>`;
  if (period === undefined) return html`<p>Nothing was sent since then.</p>${cut}`;
  return html`<h2>What would be sent</h2>
    <p>${many(messages, "message")}, written from ${period.from.toISOString()} to ${period.to.toISOString()},
      ${messages === 1 ? "has" : "have"} gone to ${broker}.</p>${cut}
    ${scroll(
      "Messages by type",
      html`<table><thead><tr><th>type</th><th class="number">messages</th></tr></thead>
    <tbody>${types.map(
      ({ type, messages: count }) =>
        html`<tr><td>${type}</td><td class="number">${count.toLocaleString("en")}</td></tr>`,
    )}</tbody></table>`,
    )}
    <form method="post" class="ask"><input type="hidden" name="from" value="${from}">
      <button type="submit">Send ${many(messages, "message")} again</button></form>`;
}

/** How far a replay has come. It goes on by itself, whoever looks. */
export function runningPage({ service, destination, messages, by }: Running, { done, total, isHeld }: Progress): Page {
  const sent = total === 0 ? messages : Math.round((messages * done) / total);
  const isDone = done >= total;
  const sentence = isDone
    ? "They were sent again."
    : isHeld
      ? "The relay is at it, and goes on by itself."
      : "The cursor is back, and no relay has it in hand: they leave when one does.";
  return {
    title: `${brokerName(destination)} gets again what it has had from ${service}`,
    isLive: !isDone,
    body: html`<p role="status"><progress max="${messages}" value="${sent}" aria-label="Messages sent again"></progress>
        ${sent.toLocaleString("en")} of ${many(messages, "message")}. ${sentence}</p>
    <p class="dim">Begun by ${by}.</p>
    <p><a href="/outbox">Outbox and consumers</a></p>`,
  };
}

type Progress = { readonly done: number; readonly total: number; readonly isHeld: boolean };
