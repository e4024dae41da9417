import { courseLine } from "./course-line.ts";
import type { History } from "./history.ts";
import { type Html, html } from "./html.ts";
import { groupId, lettersPlace } from "./links.ts";
import { scroll } from "./scroll.ts";
import type { ServiceView } from "./snapshot.ts";
import { brokerName } from "./words.ts";

/** Every group with the roads that its messages come by. */
export function groupsTable(services: readonly ServiceView[], history: History): Html {
  return scroll(
    "Consumers",
    html`<table>
    <thead><tr><th>group</th><th>from</th><th class="number">waiting</th><th>last 10 min</th><th class="number">in flight</th>
      <th class="number">handled</th><th class="number">retries</th><th class="number">duplicates stopped</th>
      <th class="number">parked</th><th class="number">dead letters</th></tr></thead>
    <tbody>${services.map((service) => rowsOf(service, history))}</tbody>
  </table>`,
  );
}

function rowsOf({ name, reason, status }: ServiceView, history: History): Html {
  if (status === undefined) return html`<tr><td>${name}</td><td colspan="9" class="bad error">${reason}</td></tr>`;
  return html`${status.consumers.flatMap((consumer) =>
    consumer.roads.map((road, nth) => rowOf(consumer, road, history, nth === 0)),
  )}`;
}

type Consumer = NonNullable<ServiceView["status"]>["consumers"][number];

function rowOf(
  consumer: Consumer,
  { road, waiting, deadLetters, reason }: Consumer["roads"][number],
  history: History,
  isFirst: boolean,
) {
  const { group, inFlight, handled, failed, duplicates, parked } = consumer;
  const course = history.of(`group ${group} ${road} waiting`);
  const figure = (value: number, mood = "") =>
    html`<td class="number ${value > 0 ? mood : ""}">${value.toLocaleString("en")}</td>`;
  return html`<tr ${isFirst ? html`id="${groupId(group)}"` : undefined}><td>${group}</td>
    <td class="${reason === undefined ? "" : "error"}">${brokerName(road)}${reason === undefined ? undefined : html` <span class="bad">${reason}</span>`}</td>
    ${figure(waiting, "wait")}<td>${courseLine(course)}</td>
    ${figure(inFlight)}${figure(handled)}${figure(failed, "wait")}${figure(duplicates)}${figure(parked, "wait")}
    <td class="number ${deadLetters > 0 ? "bad" : ""}">${
      deadLetters > 0 ? html`<a href="${lettersPlace(group)}">${deadLetters.toLocaleString("en")}</a>` : "0"
    }</td></tr>`;
}
