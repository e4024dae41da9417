import { html } from "./html.ts";
import type { Page } from "./page.ts";
import { scroll } from "./scroll.ts";

/** What flows through the services at this moment. Its script fills it from the snapshots. */
export const flowPage: Page = {
  title: "Flow",
  scripts: ["/console.js"],
  body: html`<p id="state" class="dim" role="status">connecting …</p>
  <section id="flow" aria-label="The flow, from those who tell over the brokers to those who listen">
    <ul class="troubles" aria-label="Troubles"></ul>
    <div class="map"></div>
  </section>
  <h2>Services</h2>
  <div id="services" class="cards"></div>
  <h2>Out: outbox to broker</h2>
  ${scroll(
    "Out: outbox to broker",
    html`<table><thead><tr><th>service</th><th>broker</th><th class="number">published/s</th>
    <th class="number">published</th><th class="number">waiting</th><th class="number">oldest</th>
    <th class="number">parked</th><th class="number">dead</th></tr></thead><tbody id="out"></tbody></table>`,
  )}
  <h2>In: broker to handler</h2>
  ${scroll(
    "In: broker to handler",
    html`<table><thead><tr><th>group</th><th>broker</th><th class="number">handled/s</th>
    <th class="number">handled</th><th class="number">in flight</th><th class="number">waiting</th>
    <th class="number">duplicates stopped</th><th class="number">dead letters</th></tr></thead><tbody id="in"></tbody></table>`,
  )}
  <h2>Newest orders</h2>
  ${scroll(
    "Newest orders",
    html`<table><thead><tr><th>order</th><th>customer</th><th>status</th><th>payment</th><th>stock</th>
    <th class="number">total</th><th>placed</th></tr></thead><tbody id="orders"></tbody></table>`,
  )}`,
};
