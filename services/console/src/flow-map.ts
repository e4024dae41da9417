import type { Flow, Place } from "./flow.ts";
import { type Html, html } from "./html.ts";

const columns = { tells: "Who tells", carries: "Brokers", listens: "Who listens" } as const;

/** The places as links in three columns; a script draws the ways between them. Above stands what is wrong. */
export function flowMap({ places, ways, troubles }: Flow): Html {
  return html`<section id="flow" aria-label="The flow, from those who tell over the brokers to those who listen">
    <ul class="troubles" aria-label="Troubles">${troubles.map(
      ({ text, href, down }) =>
        html`<li><a class="${down.length > 0 ? "bad" : "wait"}" href="${href}">${text}</a></li>`,
    )}</ul>
    <div class="map" data-ways="${JSON.stringify(ways)}"><svg aria-hidden="true" data-drawn></svg>${Object.entries(
      columns,
    ).map(
      ([column, title]) =>
        html`<div><h2>${title}</h2><ul>${places.filter((place) => place.column === column).map(placeItem)}</ul></div>`,
    )}</div></section>`;
}

function placeItem({ id, name, mood, perSecond, lines, href }: Place): Html {
  return html`<li><a class="place ${mood}" data-place="${id}" href="${href}"><strong>${name}</strong>${
    perSecond > 0 ? html`<span class="rate">${perSecond.toLocaleString("en")}/s</span>` : undefined
  }${lines.map(({ text, mood: own = "" }) => html`<span class="${own}">${text}</span>`)}</a></li>`;
}
