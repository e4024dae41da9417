import { type Html, html } from "./html.ts";
import { linesTable } from "./kind-page.ts";
import { silentList } from "./letter-words.ts";
import type { Page } from "./page.ts";
import type { RecordsAbout } from "./records-about.ts";
import { scroll } from "./scroll.ts";
import type { Order, Step, Story } from "./story.ts";
import { timeLine } from "./time-line.ts";
import { brokerName } from "./words.ts";

const barWidth = 260;

/** Where one order is, and the way that it took: what happened to it, and each step in every service. */
export function storyPage(story: Story, records: RecordsAbout): Page {
  const { orderId, order, silent: untold, steps } = story;
  const { letters, silent } = records;
  const wholeMs = Math.max(1, ...steps.map(({ startMs, durationMs }) => startMs + durationMs));
  return {
    title: `Order ${orderId}`,
    isLive: true,
    body: html`${order && summary(order)}
    <h2>What happened</h2>
    ${timeLine(story, records)}
    ${silentList([...untold, ...silent])}
    ${letters.length > 0 ? html`<h2>What failed for good</h2>${linesTable(letters)}` : undefined}
    <h2>The way it took</h2>
    ${steps.length > 0 ? wayTable(steps, wholeMs) : noWay}`,
  };
}

const noWay = html`<p class="dim">No trace of it is here: it is older than what the console keeps, was not sampled, or its
  spans go elsewhere (OTEL_EXPORTER_OTLP_ENDPOINT).</p>`;

function summary({ status, reason, payment, stock, totalInCents, currency, customerId, placedAt }: Order): Html {
  return html`<dl>
      <dt>status</dt><dd><strong>${status}</strong>${reason && ` (${reason})`}</dd>
      <dt>payment</dt><dd>${payment}</dd>
      <dt>stock</dt><dd>${stock}</dd>
      <dt>total</dt><dd>${(totalInCents / 100).toFixed(2)} ${currency}</dd>
      <dt>customer</dt><dd>${customerId}</dd>
      <dt>placed</dt><dd>${placedAt}</dd>
    </dl>`;
}

function wayTable(steps: readonly Step[], wholeMs: number): Html {
  return scroll(
    "The way it took",
    html`<table class="stacked">
    <thead><tr><th>step</th><th>service</th><th>road</th><th class="number">began</th><th class="number">waited</th>
      <th class="number">took</th><th>grey: waited</th></tr></thead>
    <tbody>${steps.map((step) => stepRow(step, wholeMs))}</tbody>
  </table>`,
  );
}

function stepRow(step: Step, wholeMs: number): Html {
  const { span, depth, startMs, durationMs } = step;
  const waitedMs = waitedOf(step);
  const outcome = span.attributes["throughline.inbox.outcome"];
  return html`<tr><td class="step">${"  ".repeat(depth)}${span.name}${
    span.error === undefined ? "" : html` <span class="bad">${span.error}</span>`
  }${outcome === "duplicate" ? html` <span class="wait">duplicate, no effect</span>` : ""}</td>
    <td>${span.service}</td><td>${roadOf(step)}</td><td class="number began">${milliseconds(startMs)}</td>
    <td class="number waited">${waitedMs === undefined ? "" : milliseconds(waitedMs)}</td>
    <td class="number took">${milliseconds(durationMs)}</td><td class="whole">${bar(step, wholeMs)}</td></tr>`;
}

/** The broker that it was sent to, or came from. */
function roadOf({ span: { attributes } }: Step): string {
  return brokerName(String(attributes["throughline.destination"] ?? attributes["messaging.system"] ?? ""));
}

function waitedOf({ wait }: Step): number | undefined {
  return wait && wait.endMs - wait.startMs;
}

function bar(step: Step, wholeMs: number): Html {
  const { span, startMs, durationMs } = step;
  const waitedMs = waitedOf(step) ?? 0;
  const scaled = (ms: number) => ((ms / wholeMs) * barWidth).toFixed(1);
  const name = span.error === undefined ? "worked" : "failed";
  return html`<svg class="bar" viewBox="0 0 ${barWidth} 10" preserveAspectRatio="none" role="img" aria-label="from ${milliseconds(startMs)}">
    <rect class="waiting" x="${scaled(Math.max(0, startMs - waitedMs))}" width="${scaled(Math.min(waitedMs, startMs))}" y="3" height="4"/>
    <rect class="${name}" x="${scaled(startMs)}" width="${Math.max(1, Number(scaled(durationMs)))}" height="10"/></svg>`;
}

function milliseconds(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms).toLocaleString("en")} ms`;
}
