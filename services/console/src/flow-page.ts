import type { Flow } from "./flow.ts";
import { flowMap } from "./flow-map.ts";
import { type Html, html } from "./html.ts";
import type { OrderLine } from "./newest-orders.ts";
import type { Page } from "./page.ts";
import { scroll } from "./scroll.ts";
import type { ServiceView } from "./snapshot.ts";
import type { Drawn } from "./watch.ts";
import { brokerName, duration } from "./words.ts";

/** What flows through the services at this moment. */
export function flowPage({ services, flow, orders }: Drawn): Page {
  return {
    title: "Flow",
    isLive: true,
    scripts: ["/flow.js"],
    body: html`${flowMap(flow)}
  <h2 id="services">Services</h2>
  <div class="cards">${services.map(serviceCard)}</div>
  <h2 id="out">Out: outbox to broker</h2>
  ${scroll(
    "Out: outbox to broker",
    html`<table><thead><tr><th>service</th><th>broker</th><th class="number">published/s</th>
    <th class="number">published</th><th class="number">waiting</th><th class="number">oldest</th>
    <th class="number">parked</th><th class="number">dead</th></tr></thead>
    <tbody>${services.flatMap((service) => outRows(service, flow))}</tbody></table>`,
  )}
  <h2 id="in">In: broker to handler</h2>
  ${scroll(
    "In: broker to handler",
    html`<table><thead><tr><th>group</th><th>broker</th><th class="number">handled/s</th>
    <th class="number">handled</th><th class="number">in flight</th><th class="number">waiting</th>
    <th class="number">duplicates stopped</th><th class="number">dead letters</th></tr></thead>
    <tbody>${services.flatMap((service) => inRows(service, flow))}</tbody></table>`,
  )}
  <h2>Newest orders</h2>
  ${scroll(
    "Newest orders",
    html`<table><thead><tr><th>order</th><th>customer</th><th>status</th><th>payment</th><th>stock</th>
    <th class="number">total</th><th>placed, UTC</th></tr></thead>
    <tbody>${orders.length > 0 ? orders.map(orderRow) : noOrders}</tbody></table>`,
  )}`,
  };
}

const noOrders = html`<tr><td colspan="7" class="dim">No orders yet: place one with POST /orders.</td></tr>`;

function serviceCard({ name, url, isReady, reason, status }: ServiceView): Html {
  return html`<div class="card"><h3>${name}<span class="${isReady ? "good" : "bad"}">${isReady ? "ready" : "not ready"}</span></h3>
    <p><code>${url}</code></p>
    ${reason === undefined ? undefined : html`<p class="bad">${reason}</p>`}
    ${
      status === undefined
        ? undefined
        : html`<p>up ${duration(status.uptimeSeconds * 1_000)} · ${Math.round(status.rssBytes / 1_048_576)} MB ·
      process ${status.pid}</p>`
    }</div>`;
}

function outRows({ name, status }: ServiceView, { ways }: Flow): Html[] {
  return (status?.relay ?? []).map(({ destination, publishedTotal, waiting, oldestMs, parked, dead }) => {
    const way = ways.find(({ from, to }) => from === `tells ${name}` && to === `carries ${destination}`);
    return html`<tr><td>${name}</td><td>${brokerName(destination)}</td>${figure(way?.perSecond ?? 0)}
      ${figure(publishedTotal)}${figure(waiting, "wait")}
      <td class="number">${waiting > 0 ? duration(oldestMs) : "–"}</td>${figure(parked, "wait")}${figure(dead, "bad")}</tr>`;
  });
}

function inRows({ status }: ServiceView, { ways }: Flow): Html[] {
  return (status?.consumers ?? []).flatMap(({ group, roads, handled, inFlight, duplicates }) =>
    roads.map(({ road, reason, waiting, deadLetters }) => {
      const way = ways.find(({ from, to }) => from === `carries ${road}` && to === `listens ${group}`);
      const broker = brokerName(road);
      return html`<tr><td>${group}</td>
      ${reason === undefined ? html`<td>${broker}</td>` : html`<td class="bad error">${broker}: ${reason}</td>`}
      ${figure(way?.perSecond ?? 0)}${figure(handled)}${figure(inFlight)}${figure(waiting, "wait")}
      ${figure(duplicates)}${figure(deadLetters, "bad")}</tr>`;
    }),
  );
}

function figure(value: number, mood = ""): Html {
  return html`<td class="number ${value > 0 ? mood : ""}">${value.toLocaleString("en")}</td>`;
}

function orderRow(order: OrderLine): Html {
  const { orderId, customerId, status, reason, express, payment, stock, totalInCents, currency, placedAt } = order;
  const place = `/orders/${encodeURIComponent(orderId)}`;
  return html`<tr><td><a href="${place}"><code>${orderId}</code></a></td><td>${customerId}</td>
    <td class="${moodOf(status)}">${status}${reason && ` (${reason})`}${express ? " · express" : ""}</td>
    <td class="${moodOf(payment)}">${payment}</td><td class="${moodOf(stock)}">${stock}</td>
    <td class="number">${(totalInCents / 100).toFixed(2)} ${currency}</td><td>${placedAt.slice(11, 19)}</td></tr>`;
}

function moodOf(state: string): string {
  if (["completed", "charged", "reserved", "not-needed"].includes(state)) return "good";
  if (["cancelled", "failed", "rejected"].includes(state)) return "bad";
  return ["placed", "pending"].includes(state) ? "wait" : "";
}
