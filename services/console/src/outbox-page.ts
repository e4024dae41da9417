import { courseLine } from "./course-line.ts";
import { groupsTable } from "./groups-table.ts";
import type { History } from "./history.ts";
import { type Html, html } from "./html.ts";
import type { Destination, OutboxView } from "./outboxes.ts";
import type { Page } from "./page.ts";
import { scroll } from "./scroll.ts";
import type { Snapshot } from "./snapshot.ts";
import { brokerName, duration, many } from "./words.ts";

/** Where what is told waits, and what waits for whom: every outbox, and every group. */
export function outboxPage(outboxes: readonly OutboxView[], { services }: Snapshot, history: History): Page {
  const failureOf = (service: string, destination: string) => {
    const { status } = services.find(({ name }) => name === service) ?? {};
    return status?.relay.find((to) => to.destination === destination)?.failure;
  };
  return {
    title: "Outbox and consumers",
    isLive: true,
    body: html`${outboxes.length > 0 ? outboxes.map((outbox) => outboxSection(outbox, { history, failureOf })) : noDatabases}
    <h2>Consumers</h2>
    ${groupsTable(services, history)}`,
  };
}

const noDatabases = html`<p>This console knows no database of a service, so it shows no outbox from inside: set
  <code>SERVICE_DATABASES=order=postgres://…,billing=postgres://…</code>. What the services tell of their outboxes is on
  the <a href="/#out">flow</a>.</p>`;

/** What the databases do not know. */
type Told = {
  readonly history: History;
  /** Why the broker did not take what was published last. */
  failureOf(service: string, destination: string): string | undefined;
};

function outboxSection(outbox: OutboxView, told: Told): Html {
  const { service } = outbox;
  const title = html`<h2 id="${service}">Outbox of ${service}</h2>`;
  if ("reason" in outbox) return html`${title}<p class="bad">It does not answer: ${outbox.reason}</p>`;
  if (outbox.destinations.length === 0) return html`${title}<p class="dim">No relay has ever run.</p>`;
  return html`${title}
    ${scroll(
      `Destinations of ${service}`,
      html`<table>
      <thead><tr><th>to</th><th class="number">waiting</th><th>last 10 min</th><th class="number">oldest</th>
        <th>last 10 min</th><th class="number">parked</th><th class="number">dead</th><th>lanes held</th><th>held back by</th>
        <th>what it has had</th></tr></thead>
      <tbody>${outbox.destinations.map((to) => destinationRow(service, to, told))}</tbody>
    </table>`,
    )}
    ${outbox.destinations.map((to) => lanesTable(service, to))}
    ${outbox.destinations.filter(({ keys }) => keys.length > 0).map(keysTable)}
    ${outbox.actions.length > 0 ? actionsList(outbox.actions) : undefined}`;
}

function destinationRow(service: string, to: Destination, { history, failureOf }: Told): Html {
  const { destination, waiting, oldestMs, parked, dead, lanes, heldLanes } = to;
  const course = (what: string) => history.of(`outbox ${service} ${destination} ${what}`);
  return html`<tr><td>${brokerName(destination)}</td>
    <td class="number ${waiting > 0 ? "wait" : ""}">${waiting.toLocaleString("en")}</td>
    <td>${courseLine(course("waiting"))}</td>
    <td class="number">${waiting > 0 ? duration(oldestMs) : "–"}</td><td>${courseLine(course("oldest"), duration)}</td>
    <td class="number ${parked > 0 ? "wait" : ""}">${parked}</td><td class="number ${dead > 0 ? "bad" : ""}">${dead}</td>
    <td>${heldLanes} of ${lanes}</td><td class="error">${holdUpOf(to, failureOf(service, destination))}</td>
    <td><a href="/outbox/${service}/${destination}/replay">Send again …</a></td></tr>`;
}

function holdUpOf({ heldLanes, lag, waiting, heldBackBy, parkedKeys }: Destination, failure?: string): Html | string {
  const causes = [
    ...(failure === undefined ? [] : [html`<span class="bad">${failure}</span> `]),
    ...(heldLanes === 0 && lag > 0 ? [html`<span class="bad">no relay has it</span> `] : []),
    ...(waiting > 0 && heldBackBy
      ? [
          html`<span class="wait">a transaction open for ${duration(heldBackBy.ageMs)}, ${heldBackBy.state},
          pid ${heldBackBy.pid ?? "–"}, ${heldBackBy.application || "without a name"}</span> `,
        ]
      : []),
    ...(parkedKeys > 0 ? [html`<span class="wait">refused messages</span>`] : []),
  ];
  return causes.length > 0 ? html`${causes}` : "–";
}

function lanesTable(service: string, { destination, each, lag }: Destination): Html {
  const furthest = Math.max(...each.map(({ position }) => position));
  return html`<details id="lanes-${service}-${destination}"><summary>${many(each.length, "lane")} to
      ${brokerName(destination)}, ${many(lag, "position")} behind</summary>
    ${scroll(
      `Lanes of ${service} to ${brokerName(destination)}`,
      html`<table>
    <thead><tr><th class="number">lane</th><th class="number">cursor</th><th class="number">behind the furthest</th>
      <th>held by</th><th class="number">until</th></tr></thead>
    <tbody>${each.map(
      ({ lane, position, isHeld, owner, heldForMs }) => html`<tr><td class="number">${lane}</td>
      <td class="number">${position.toLocaleString("en")}</td>
      <td class="number">${(furthest - position).toLocaleString("en")}</td>
      <td>${isHeld ? html`<code>${owner ?? ""}</code>` : html`<span class="bad">nobody</span>`}</td>
      <td class="number">${isHeld ? `in ${(heldForMs / 1_000).toFixed(1)} s` : "–"}</td></tr>`,
    )}</tbody></table>`,
    )}</details>`;
}

function keysTable({ destination, keys }: Destination): Html {
  return html`<h3>Parked keys on the way to ${brokerName(destination)}</h3>${scroll(
    `Parked keys to ${brokerName(destination)}`,
    html`<table>
    <thead><tr><th>key</th><th class="number">messages</th><th class="number">refused</th><th>tried again</th><th>why</th></tr></thead>
    <tbody>${keys.map(
      ({ key, messages, attempts, retryInMs, error }) => html`<tr><td><code>${key}</code></td>
      <td class="number">${messages}</td><td class="number">${attempts} times</td>
      <td>${retryInMs === undefined ? "when a person says so" : `in ${duration(retryInMs)}`}</td>
      <td class="data">${error}</td></tr>`,
    )}</tbody></table>`,
  )}`;
}

function actionsList(actions: Extract<OutboxView, { actions: unknown }>["actions"]): Html {
  return html`<details id="actions"><summary>What people did</summary><ul>${actions.map(
    ({ at, by, action, destination, detail }) =>
      html`<li>${at.toISOString()}: ${by} ${action === "replayed" ? "sent again" : "gave up"}
      ${brokerName(destination)}, ${detail}</li>`,
  )}</ul></details>`;
}
