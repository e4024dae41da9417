import type { RoadState } from "@throughline/outbox/operation";
import { withoutSecret } from "@throughline/service";
import type { Happening } from "./happenings.ts";
import { type Html, html } from "./html.ts";
import type { ServiceLine } from "./kind-page.ts";
import { placeOf, short } from "./letter-words.ts";
import type { RecordsAbout, ServiceMessage } from "./records-about.ts";
import { scroll } from "./scroll.ts";
import { type Line, linesOf } from "./step-lines.ts";
import type { Story } from "./story.ts";
import { brokerName, many } from "./words.ts";

/** What was asked for an order, happened to it, was told of it, failed, waited, died and was sent again, over all services. */
export function timeLine(
  { happenings, steps }: Pick<Story, "happenings" | "steps">,
  { messages, letters, others }: RecordsAbout,
): Html {
  const ofSteps = steps.flatMap((step) => linesOf(step, letters));
  // What is asked comes before what happens in the same millisecond, and what fails before what dies of it.
  const lines = [...ofSteps, ...happenings.map(ofHappening), ...messages.map(toLine), ...letters.map(ofLetter)];
  return html`${scroll(
    "What happened",
    html`<table class="stacked">
      <thead><tr><th>at, UTC</th><th>service</th><th>what</th><th>data, or where it is</th><th>by</th></tr></thead>
      <tbody>${lines
        .toSorted((one, other) => one.at.getTime() - other.at.getTime())
        .map((line, nth, all) => row(line, all[nth - 1]))}</tbody>
    </table>`,
  )}${others > 0 ? html`<p class="dim">${many(others, "message")} more about it ${others === 1 ? "was" : "were"} told later, or ${others === 1 ? "is" : "are"} no longer kept.</p>` : undefined}`;

  function toLine(message: ServiceMessage): Line {
    const ofIt = letters.filter(({ service, messageId }) => service === message.service && messageId === message.id);
    const roads = message.roads.map(({ destination, state }, nth) => {
      const refusal = ofIt.find((letter) => letter.refusedBy === destination && letter.state !== "replayed");
      return html`${nth > 0 ? " · " : ""}${roadWords(destination, refusal ? "dead" : state)}`;
    });
    const what = html`tells <code>${message.type}</code>`;
    const told = happenings.find((happening) => isOfOneTransaction(message, happening));
    const at = told ? new Date(told.at) : message.at;
    return { at, service: message.service, what, data: roads.length > 0 ? html`${roads}` : waitsForRelay };
  }
}

/** In milliseconds; none takes longer, but where something is wrong. */
const longestTransactionMs = 1_000;

/** A message has the time when its transaction began, and what it tells of that of a moment later. */
function isOfOneTransaction({ service, at }: ServiceMessage, happening: Happening): boolean {
  const laterMs = Date.parse(happening.at) - at.getTime();
  return happening.service === service && laterMs >= 0 && laterMs <= longestTransactionMs;
}

const waitsForRelay = html`<span class="wait">waits: no relay has ever run</span>`;

function row({ at, service, what, data, by }: Line, above: Line | undefined): Html {
  return html`<tr><td>${moment(at, above?.at)}</td><td>${service}</td><td>${what}</td>
    <td class="data whole">${data}</td><td class="by">${by}</td></tr>`;
}

/** With the day apart, which a narrow window shows only where it is another than above. */
function moment(at: Date, above: Date | undefined): Html {
  const iso = at.toISOString();
  const [day, time] = [iso.slice(0, 10), iso.slice(11, 23)];
  const isSameDay = above?.toISOString().startsWith(day) === true;
  return html`<time datetime="${iso}"><span class="${isSameDay ? "same day" : "day"}">${day}</span> ${time}</time>`;
}

function ofHappening({ at, service, type, data, by }: Happening): Line {
  return {
    at: new Date(at),
    service,
    what: html`${type}`,
    data: html`<code>${JSON.stringify(data, withoutSecret)}</code>`,
    by,
  };
}

function ofLetter({ failedAt, service, number, type, state, error }: ServiceLine): Line {
  const name = `${service}-${number}`;
  const data = html`<a href="${placeOf(name)}">${name}</a>, ${state}: ${short(error)}`;
  return { at: failedAt, service, what: html`<span class="bad">dead letter</span> <code>${type ?? ""}</code>`, data };
}

function roadWords(destination: string, state: RoadState): Html {
  const broker = brokerName(destination);
  if (state === "left") return html`has left for ${broker}`;
  if (state === "dead") return html`<span class="bad">${broker} refused it for good</span>`;
  const why = state === "parked" ? ", parked behind what it refused" : "";
  return html`<span class="wait">waits for ${broker}${why}</span>`;
}
