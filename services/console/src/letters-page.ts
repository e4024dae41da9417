import type { Kind } from "@throughline/dead-letters/operation";
import type { Silent } from "./desks.ts";
import { type Html, html } from "./html.ts";
import type { LetterReplay } from "./letter-replays.ts";
import { acts, letters, placeOf, short, silentList, when } from "./letter-words.ts";
import type { Page } from "./page.ts";
import { replayForm } from "./replay-form.ts";
import { scroll } from "./scroll.ts";

export type ServiceKind = Kind & { readonly service: string };

export type LettersView = {
  /** The latest first. */
  readonly kinds: readonly ServiceKind[];
  readonly silent: readonly Silent[];
  readonly filter: LettersFilter;
  readonly running: readonly LetterReplay[];
  readonly mayAct: boolean;
};

export type LettersFilter = {
  /** In the service, group, type or error. */
  readonly text: string;
  /** Also what is settled. */
  readonly all: boolean;
};

/** More than a person reads; who looks for one of the others has the filter. */
const mostKinds = 100;

/** What waits for a person, by kind of failure, over all services. */
export function lettersPage({ kinds, silent, filter, running, mayAct }: LettersView): Page {
  const open = kinds.reduce((sum, kind) => sum + kind.open, 0);
  const waiting = kinds.reduce((sum, kind) => sum + kind.quarantined, open);
  return {
    title: "Dead letters",
    isLive: true,
    body: html`${silentList(silent)}
    ${running.map(runningLine)}
    <form class="ask" role="search"><label>Service, group, type or error
      <input name="q" value="${filter.text}" maxlength="100"></label>
      <label><input type="checkbox" name="all" value="1" ${filter.all ? html`checked` : undefined}> also settled</label>
      <button type="submit">Show</button></form>
    ${
      kinds.length === 0
        ? emptiness(filter, silent.length > 0)
        : html`<p>${letters(waiting)} ${waiting === 1 ? "waits" : "wait"} for you.</p>
    ${kindsTable(kinds.slice(0, mostKinds))}${more(kinds.length - mostKinds)}`
    }
    ${open > 0 && filter.text === "" ? acts(mayAct, "/dead-letters", replayForm("all", { open, until: kinds[0]?.lastFailedAt })) : undefined}`,
  };
}

/** The console was told of no database. */
export const unknownDatabasesPage: Page = {
  title: "Dead letters",
  body: html`<p>Dead letters are in the databases of the services, and this console was not told where those are. Set
    <code>SERVICE_DATABASES=order=postgres://…,billing=postgres://…</code> for it, and the brokers' addresses as the services
    have them. Until then, <code>npm run dead-letters</code> shows them.</p>`,
};

function more(kinds: number): Html | undefined {
  return kinds > 0 ? html`<p>And ${kinds.toLocaleString("en")} kinds more, whose last letter is older.</p>` : undefined;
}

function emptiness({ text, all }: LettersFilter, isPart: boolean): Html {
  if (text !== "") return html`<p>Nothing that is kept has “${text}” in it.</p>`;
  if (isPart) return html`<p>Of the services that answer, no message waits for you.</p>`;
  return html`<p class="good">${all ? "No message has ever failed here." : "No message waits for you."}</p>`;
}

function runningLine({ number, choice, by, total, done }: LetterReplay): Html {
  return html`<p><a href="/dead-letters/replays/${number}">${by} sends ${choice} again</a>: ${total - done.left} of
    ${letters(total)}.</p>`;
}

function kindsTable(kinds: readonly ServiceKind[]): Html {
  return scroll(
    "Kinds of failure",
    html`<table>
    <thead><tr><th>kind</th><th class="number">waiting</th><th>error</th><th>failed in</th><th>type</th><th>last, UTC</th>
      <th>letters</th></tr></thead>
    <tbody>${kinds.map(kindRow)}</tbody></table>`,
  );
}

function kindRow({ service, ...kind }: ServiceKind): Html {
  const { fingerprint, open, quarantined, group, type, numbers, lastFailedAt, error } = kind;
  const [first, second] = numbers.map((number) => `${service}-${number}`);
  return html`<tr><td><a href="${placeOf(fingerprint)}"><code>${fingerprint}</code></a></td>
    <td class="number">${open.toLocaleString("en")}${quarantined > 0 ? html`<span class="wait"> + ${quarantined} quarantined</span>` : undefined}</td>
    <td class="error">${short(error)}</td>
    <td>${group === "outbox" ? `${service}'s outbox` : group}</td><td>${type ?? "no envelope"}</td><td>${when(lastFailedAt)}</td>
    <td>${[first, second].flatMap((name) => (name === undefined ? [] : [html`<a href="${placeOf(name)}">${name}</a> `]))}${
      numbers.length > 2 ? "…" : undefined
    }</td></tr>`;
}
