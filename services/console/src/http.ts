import express, { Router } from "express";
import { createFlow } from "./flow.ts";
import { flowPage } from "./flow-page.ts";
import { html } from "./html.ts";
import { type Page, sendPage } from "./page.ts";
import { type Address, takeSnapshot } from "./snapshot.ts";
import { tellStory } from "./story.ts";
import { storyPage } from "./story-page.ts";
import type { Traces } from "./traces.ts";

const files = `${import.meta.dirname}/../page`;
/** Nothing is loaded from elsewhere, and nothing written into a page is run. */
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:";

/** The pages, and the snapshots that the first lives on: one as JSON, or one each second as server-sent events. */
export function routes(addresses: readonly Address[], traces: Traces, stopping: AbortSignal): Router {
  const router = Router();
  const flowOf = createFlow();
  const latest = shared(async () => {
    const snapshot = await takeSnapshot(addresses);
    return { ...snapshot, flow: flowOf(snapshot) };
  });

  router.use((_request, response, next) => {
    response.set({ "content-security-policy": `${policy}; form-action 'self'; frame-ancestors 'none'` });
    next();
  });
  router.use(express.static(files, { index: false }));

  router.get("/", (_request, response) => sendPage(response, flowPage));

  router.get("/orders", ({ query }, response) => {
    response.redirect(`/orders/${encodeURIComponent(String(query.id ?? "").trim())}`);
  });

  router.get("/orders/:orderId", async ({ params: { orderId } }, response) => {
    const order = addresses.find(({ name }) => name === "order");
    const story = order && (await tellStory(order, orderId, traces.about(orderId)));
    sendPage(response, story ? storyPage(story) : unknownOrder(orderId));
  });

  router.get("/snapshot", async (_request, response) => {
    response.json(await latest());
  });

  router.get("/events", async (request, response) => {
    response.set({ "content-type": "text/event-stream", "cache-control": "no-store" });
    const send = async () => response.write(`data: ${JSON.stringify(await latest())}\n\n`);
    await send();
    const timer = setInterval(send, 1_000);
    const end = () => response.end();
    stopping.addEventListener("abort", end, { once: true });
    request.on("close", () => {
      clearInterval(timer);
      stopping.removeEventListener("abort", end);
    });
  });

  return router;
}

function unknownOrder(orderId: string): Page {
  return { title: `Order ${orderId}`, status: 404, body: html`<p>There is no such order.</p>` };
}

/** However many look, each service is asked once in 900 ms. */
function shared<Value>(take: () => Promise<Value>): () => Promise<Value> {
  let taken = { at: 0, snapshot: undefined as Promise<Value> | undefined };
  return () => {
    if (!taken.snapshot || Date.now() - taken.at > 900) taken = { at: Date.now(), snapshot: take() };
    return taken.snapshot ?? take();
  };
}
