import { type Html, html } from "./html.ts";
import type { LetterReplay } from "./letter-replays.ts";
import { failedList, letters, placeOf } from "./letter-words.ts";
import type { Page } from "./page.ts";

/** How far a replay is. It goes on whoever looks. */
export function letterReplayPage(replay: LetterReplay, { mayAct }: { readonly mayAct: boolean }): Page {
  const { number, choice, by, total, done, isOver } = replay;
  const reached = total - done.left;
  return {
    title: `${choice} is sent again`,
    isLive: !isOver,
    body: html`<p role="status"><progress max="${total}" value="${reached}" aria-label="Letters sent again"></progress>
        ${reached.toLocaleString("en")} of ${letters(total)}. ${stateOf(replay)}</p>
    ${outcome(replay)}
    ${isOver || !mayAct ? undefined : html`<form method="post" action="/dead-letters/replays/${number}/stop"><button type="submit">Stop</button></form>`}
    <p class="dim">Begun by ${by}. It goes on when you leave this page.</p>
    <p><a href="${choice === "all" ? "/dead-letters" : placeOf(choice)}">Back</a></p>`,
  };
}

function stateOf({ isOver, done, stoppedBy }: LetterReplay): string {
  if (!isOver) return "It is at it.";
  const by = stoppedBy === undefined ? "" : ` by ${stoppedBy}`;
  return done.left === 0 ? "Done." : `Stopped${by}: ${letters(done.left)} are left, and the same goes on with them.`;
}

function outcome({ done: { sent, notOpen, failed } }: LetterReplay): Html {
  return html`<p>${sent.toLocaleString("en")} sent again${
    notOpen > 0 ? `, ${notOpen} no longer open (settled, or in quarantine after three replays)` : ""
  }.</p>
  ${
    failed.length === 0
      ? undefined
      : html`<p class="bad">${letters(failed.length)} could not be sent:</p>
  ${failedList(failed)}`
  }`;
}
