import type { Visitor } from "@throughline/service";
import type { Response } from "express";
import { sendEvents } from "./events.ts";
import { type Html, html } from "./html.ts";
import { visitorOf } from "./visitors.ts";

/** What a page says, without the frame that all pages have. */
export type Page = {
  readonly title: string;
  readonly body: Html;
  /** Whether it changes while somebody looks; it is sent by `sendLive`. Default: false. */
  readonly isLive?: boolean;
  /** Modules that it runs, by their address: `/flow.js`. Default: none. */
  readonly scripts?: readonly string[];
  /** Default: 200. */
  readonly status?: number;
};

/** The pages that a person goes to, in the order of the navigation. */
const places = [
  { path: "/", name: "Flow" },
  { path: "/dead-letters", name: "Dead letters" },
  { path: "/outbox", name: "Outbox" },
  { path: "/try", name: "Try it" },
] as const;

/** Sends the page in its frame: where one can go from here, where one is, and as whom. */
export function sendPage(response: Response, page: Page): void {
  response
    .status(page.status ?? 200)
    .type("html")
    .set({ "cache-control": "no-store" })
    .send(framed(page, response.req.originalUrl, visitorOf(response)).markup);
}

/** The same; to whoever listens for server-sent events, what is in the frame as often as it has changed. */
export async function sendLive(response: Response, read: () => Promise<Page>): Promise<void> {
  if (response.req.get("accept") !== "text/event-stream") return sendPage(response, await read());
  await sendEvents(response, async () => {
    const page = await read();
    const isLive = page.isLive === true;
    const who = signedIn(response.req.originalUrl, visitorOf(response)).markup;
    return { data: { markup: contentOf(page).markup, who, isLive }, isLast: !isLive };
  });
}

function framed(page: Page, here: string, visitor: Visitor | undefined): Html {
  const { title, isLive = false, scripts = [] } = page;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Throughline</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/console.css">
${[...scripts, ...(isLive ? ["/live.js"] : [])].map((address) => html`<script src="${address}" type="module"></script>\n`)}</head>
<body>
<a class="skip" href="#content">To the content</a>
<header>
<strong>Throughline</strong>
<nav aria-label="Pages">${places.map((place) => linkTo(place, here.split("?")[0] ?? ""))}</nav>
<form action="/orders"><label>Where is order <input name="id" required maxlength="100"></label>
<button type="submit">Show</button></form>
<div id="who">${signedIn(here, visitor)}</div>
</header>
<main id="content">
${isLive ? html`<p id="state" class="dim" role="status">As of ${new Date().toISOString().slice(11, 19)} UTC</p>\n` : undefined}<div id="live">${contentOf(page)}</div>
</main>
</body>
</html>`;
}

function contentOf({ title, body }: Page): Html {
  return html`<h1>${title}</h1>\n${body}`;
}

function signedIn(here: string, visitor: Visitor | undefined): Html {
  if (visitor === undefined) return html``;
  const { role, name } = visitor;
  if (role === "anonymous") return html`<a href="/sign-in?${String(new URLSearchParams({ next: here }))}">Sign in</a>`;
  return html`<form method="post" action="/sign-out"><span class="dim">${name}, ${role}</span>
<button type="submit">Sign out</button></form>`;
}

function linkTo({ path, name }: (typeof places)[number], here: string): Html {
  const isHere = path === "/" ? here === "/" : here.startsWith(path);
  return isHere ? html`<a href="${path}" aria-current="page">${name}</a>` : html`<a href="${path}">${name}</a>`;
}
