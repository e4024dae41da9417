import { type Access, HttpProblem } from "@throughline/service";
import express, { type NextFunction, type Request, type Response, Router } from "express";
import { flowPage } from "./flow-page.ts";
import { html } from "./html.ts";
import type { LettersAbout } from "./letters-about.ts";
import { type Page, sendPage } from "./page.ts";
import { signInRoutes } from "./sign-in-http.ts";
import type { Address } from "./snapshot.ts";
import { tellStory } from "./story.ts";
import { storyPage } from "./story-page.ts";
import type { Traces } from "./traces.ts";
import { admit, admitViewers, isPerson, tokenOf, visitorOf } from "./visitors.ts";
import type { Watch } from "./watch.ts";

export type ConsoleParts = {
  /** The services that are looked at. */
  readonly addresses: readonly Address[];
  readonly watch: Watch;
  readonly traces: Traces;
  /** What failed for good of what was told about an order. Default: nobody knows. */
  readonly lettersAbout?: (key: string) => Promise<LettersAbout>;
  readonly access: Access;
  /** Ends what never ends by itself. */
  readonly stopping: AbortSignal;
  /** Pages beside these, for whoever has been let in. Default: none. */
  readonly more?: readonly Router[];
};

const files = `${import.meta.dirname}/../page`;
/** Nothing is loaded from elsewhere, nothing written into a page is run, and no other page may frame one of these. */
const policy =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** The pages, and the snapshots that the first lives on: one as JSON, or one each second as server-sent events. */
export function routes(parts: ConsoleParts): Router {
  const router = Router();
  router.use((_request, response, next) => {
    response.set({ "content-security-policy": policy, "x-content-type-options": "nosniff" });
    next();
  });
  router.use(express.static(files, { index: false }));
  router.use(signInRoutes(parts.access));
  router.use(admitViewers(parts.access));
  router.use(flowRoutes(parts));
  router.use(storyRoutes(parts));
  for (const pages of parts.more ?? []) router.use(pages);
  router.use(showProblems);
  return router;
}

function flowRoutes({ watch, access, stopping }: ConsoleParts): Router {
  const router = Router();

  router.get("/", (_request, response) => sendPage(response, flowPage));

  router.get("/snapshot", async (_request, response) => {
    response.json(await watch.latest(visitorOf(response)?.token));
  });

  router.get("/events", async (request, response) => {
    response.set({ "content-type": "text/event-stream", "cache-control": "no-store" });
    let timer: NodeJS.Timeout | undefined;
    // Who does not read any more is not waited for.
    const end = () => void (response.writableNeedDrain ? response.destroy() : response.end());
    // Asked anew each time: who watches sees no more than the token is good for.
    const send = async () => {
      const { token } = await admit(access, tokenOf(request));
      const drawn = await watch.latest(token);
      if (response.writableEnded || response.closed) return;
      if (!response.writableNeedDrain) response.write(`data: ${JSON.stringify(drawn)}\n\n`);
      timer = setTimeout(() => send().catch(end), 1_000);
    };
    stopping.addEventListener("abort", end, { once: true });
    response.once("close", () => {
      clearTimeout(timer);
      stopping.removeEventListener("abort", end);
    });
    await send();
  });

  return router;
}

function storyRoutes({ addresses, traces, lettersAbout = noLetters }: ConsoleParts): Router {
  const router = Router();

  router.get("/orders", ({ query }, response) => {
    const id = String(query.id ?? "").trim();
    response.redirect(id === "" ? "/" : `/orders/${encodeURIComponent(id)}`);
  });

  router.get("/orders/:orderId", async ({ params: { orderId } }, response) => {
    const question = { orderId, spans: traces.about(orderId), token: visitorOf(response)?.token };
    const story = await tellStory(addresses, question);
    sendPage(response, story ? storyPage(story, await lettersAbout(orderId)) : unknownOrder(orderId));
  });

  return router;
}

async function noLetters(): Promise<LettersAbout> {
  return { lines: [], silent: [] };
}

function unknownOrder(orderId: string): Page {
  return { title: `Order ${orderId}`, status: 404, body: html`<p>There is no such order.</p>` };
}

/** A person reads a page; a program gets the problem itself. */
function showProblems(error: unknown, request: Request, response: Response, next: NextFunction): void {
  const isShown = error instanceof HttpProblem && isPerson(request) && !response.headersSent;
  if (!isShown) next(error);
  else sendPage(response, problemPage(error));
}

function problemPage({ status, title, extra }: HttpProblem): Page {
  const faults = Array.isArray(extra.errors) ? (extra.errors as { path: string; message: string }[]) : [];
  return {
    ...{ title, status },
    body: html`<p role="alert">${String(extra.detail ?? title)}</p>
    <ul>${faults.map(({ path, message }) => html`<li>${path}: ${message}</li>`)}</ul>`,
  };
}
