import { type Html, html } from "./html.ts";
import type { ServiceLine } from "./kind-page.ts";
import { short } from "./letter-words.ts";
import type { Span } from "./spans.ts";
import type { Step } from "./story.ts";
import { brokerName, duration } from "./words.ts";

/** One thing that happened, on the page of an order. */
export type Line = {
  readonly at: Date;
  readonly service: string;
  readonly what: Html;
  readonly data: Html;
  readonly by?: string | undefined;
};

/** A letter is dated by who sets it aside, and its span a moment later. In milliseconds. */
const longestDeathMs = 1_000;

/** What only spans tell: what was asked, which attempts failed, what they waited for, what was sent again; deaths without a letter. */
export function linesOf({ span, wait }: Step, letters: readonly ServiceLine[]): Line[] {
  const line = ofCommand(span) ?? ofFailure(span) ?? ofReplay(span) ?? ofDeath(span, letters);
  return [wait && ofWait(wait), line].filter((told) => told !== undefined);
}

function ofCommand({ service, name, startMs, attributes }: Span): Line | undefined {
  const method = attributes["http.request.method"];
  // Only of a request that came in: one that went out has its whole address.
  if (attributes["url.path"] === undefined || method === "GET" || method === "HEAD") return undefined;
  const status = Number(attributes["http.response.status_code"]);
  const answer = html`answered ${status}`;
  const data = status >= 400 ? html`<span class="bad">${answer}</span>` : answer;
  return { at: new Date(startMs), service, what: html`is asked <code>${name}</code>`, data };
}

function ofFailure({ service, name, endMs, attributes, error }: Span): Line | undefined {
  const isAttempt = ["process", "publish"].includes(String(attributes["messaging.operation.name"]));
  if (!isAttempt || error === undefined) return undefined;
  const what = html`<span class="bad">failed</span> <code>${name}</code>`;
  return { at: new Date(endMs), service, what, data: html`${short(error)}` };
}

function ofReplay({ service, startMs, attributes, error }: Span): Line | undefined {
  if (attributes["messaging.operation.name"] !== "replay") return undefined;
  const to = brokerName(String(attributes["messaging.destination.name"]));
  const data = error === undefined ? html`to ${to}` : html`<span class="bad">not to ${to}: ${short(error)}</span>`;
  const what = html`sent again <code>${typeOf(attributes)}</code>`;
  return { at: new Date(startMs), service, what, data, by: String(attributes["throughline.by"] ?? "") };
}

function ofDeath(
  { service, name, startMs, attributes, error }: Span,
  letters: readonly ServiceLine[],
): Line | undefined {
  if (!name.startsWith("set aside ")) return undefined;
  const isLetter = (letter: ServiceLine) =>
    letter.service === service &&
    letter.messageId === attributes["messaging.message.id"] &&
    Math.abs(letter.failedAt.getTime() - startMs) <= longestDeathMs;
  if (letters.some(isLetter)) return undefined;
  const what = html`<span class="bad">dead letter</span> <code>${typeOf(attributes)}</code>`;
  return { at: new Date(startMs), service, what, data: html`${short(error ?? "")}` };
}

function ofWait({ service, startMs, endMs, attributes }: Span): Line | undefined {
  const why = reasons.get(attributes["throughline.waited"]);
  return why === undefined
    ? undefined
    : {
        at: new Date(startMs),
        service,
        what: html`<span class="wait">${why}</span>`,
        data: html`for ${duration(endMs - startMs)}`,
      };
}

const reasons = new Map<unknown, string>([
  ["retry", "waited to be tried again"],
  ["parked", "waited behind what failed"],
]);

function typeOf(attributes: Span["attributes"]): string {
  return String(attributes["throughline.type"] ?? "");
}
