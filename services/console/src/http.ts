import { type Access, HttpProblem, type Service } from "@throughline/service";
import express, { type NextFunction, type Request, type Response, Router } from "express";
import { sendEvents } from "./events.ts";
import { flowPage } from "./flow-page.ts";
import { html } from "./html.ts";
import { type Page, sendLive, sendPage } from "./page.ts";
import { noRecords, type RecordsAbout } from "./records-about.ts";
import { signInRoutes } from "./sign-in-http.ts";
import { endable } from "./sign-out.ts";
import type { Address } from "./snapshot.ts";
import { tellStory } from "./story.ts";
import { storyPage } from "./story-page.ts";
import type { Traces } from "./traces.ts";
import { admitViewers, isPerson, visitorOf } from "./visitors.ts";
import type { Watch } from "./watch.ts";

export type ConsoleParts = {
  /** The services that are looked at. */
  readonly addresses: readonly Address[];
  readonly watch: Watch;
  readonly traces: Traces;
  /** What was told about an order, and what failed of it for good. Default: nobody knows. */
  readonly recordsAbout?: (key: string) => Promise<RecordsAbout>;
  readonly access: Access;
  /** Who signs in and out is written there. */
  readonly acts: Pick<Service["acts"], "info">;
  /** Ends what never ends by itself. */
  readonly stopping: AbortSignal;
  /** Pages beside these, for whoever has been let in. Default: none. */
  readonly more?: readonly Router[];
};

const files = `${import.meta.dirname}/../page`;
/** Nothing is loaded from elsewhere, nothing written into a page is run, and no other page may frame one of these. */
const policy =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** The pages, and what the first shows for programs: a snapshot as JSON, or one each second as server-sent events. */
export function routes(parts: ConsoleParts): Router {
  const router = Router();
  const access = endable(parts.access);
  router.use((_request, response, next) => {
    response.set({ "content-security-policy": policy, "x-content-type-options": "nosniff" });
    next();
  });
  router.use(express.static(files, { index: false }));
  router.use(signInRoutes(access, parts.acts));
  router.use(admitViewers(access, parts.stopping));
  router.use(flowRoutes(parts));
  router.use(storyRoutes(parts));
  for (const pages of parts.more ?? []) router.use(pages);
  router.use(showProblems);
  return router;
}

function flowRoutes({ watch }: ConsoleParts): Router {
  const router = Router();

  router.get("/", (_request, response) =>
    sendLive(response, async () => flowPage(await watch.latest(visitorOf(response)?.token))),
  );

  router.get("/snapshot", async (_request, response) => {
    response.json(await watch.latest(visitorOf(response)?.token));
  });

  router.get("/events", (_request, response) =>
    sendEvents(response, async () => ({ data: await watch.latest(visitorOf(response)?.token) })),
  );

  return router;
}

function storyRoutes({ addresses, traces, recordsAbout = async () => noRecords }: ConsoleParts): Router {
  const router = Router();

  router.get("/orders", ({ query }, response) => {
    const id = String(query.id ?? "").trim();
    response.redirect(id === "" ? "/" : `/orders/${encodeURIComponent(id)}`);
  });

  router.get("/orders/:orderId", ({ params: { orderId } }, response) =>
    sendLive(response, async () => {
      const question = { orderId, spans: traces.about(orderId), token: visitorOf(response)?.token };
      const [story, records] = await Promise.all([tellStory(addresses, question), recordsAbout(orderId)]);
      return story ? storyPage(story, records) : unknownOrder(orderId);
    }),
  );

  return router;
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
