import { findPosition, previewReplay, readPlace, readStates, replay } from "@throughline/outbox/operation";
import { problem } from "@throughline/service";
import express, { type Request, Router } from "express";
import type { Desks } from "./desks.ts";
import { html } from "./html.ts";
import { outboxPage } from "./outbox-page.ts";
import { openOutbox, readOutboxes } from "./outboxes.ts";
import { type Page, sendLive, sendPage } from "./page.ts";
import { type Asked, replayPage, runningPage } from "./replay-page.ts";
import { createReplays } from "./replays.ts";
import { operatorsOnly, visitorOf } from "./visitors.ts";
import type { Watch } from "./watch.ts";

/** The outboxes from inside, the groups, and the replay of what a destination has had. */
export function outboxRoutes(desks: Desks, watch: Watch): Router {
  const router = Router();
  const replays = createReplays({ most: 100 });

  router.get("/outbox", (_request, response) =>
    sendLive(response, async () => {
      const [views, snapshot] = await Promise.all([readOutboxes(desks), watch.latest()]);
      return outboxPage(views, snapshot, watch.history);
    }),
  );

  router.get("/outbox/replays/:number", ({ params: { number } }, response) =>
    sendLive(response, async () => {
      const running = replays.of(number);
      if (running === undefined) return unknownReplay;
      return runningPage(running, { ...(await running.replay.progress()), total: running.replay.total });
    }),
  );

  router.get("/outbox/:service/:destination/replay", async (request, response) => {
    sendPage(response, replayPage(await preview(placeIn(request), String(request.query.from ?? ""))));
  });

  router.post(
    "/outbox/:service/:destination/replay",
    operatorsOnly,
    express.urlencoded({ extended: false, limit: "10kb" }),
    async (request, response) => {
      const asked = await preview(placeIn(request), String(request.body?.from ?? ""));
      if (asked.preview === undefined || asked.preview.messages === 0) return sendPage(response, replayPage(asked));
      const { service, destination } = asked;
      const { from, messages } = asked.preview;
      const by = visitorOf(response)?.name ?? "";
      const begun = await replay(await openOutbox(desks, service), destination, from, by);
      response.redirect(303, `/outbox/replays/${replays.add({ service, destination, messages, by, replay: begun })}`);
    },
  );

  return router;

  async function preview(
    { service, destination }: Pick<Asked, "service" | "destination">,
    from: string,
  ): Promise<Asked> {
    const asked = { service, destination, from };
    const database = await openOutbox(desks, service);
    if (!(await readStates(database)).some((state) => state.destination === destination)) {
      throw problem(404, "Not Found", { detail: `${service} has never published to ${destination}` });
    }
    if (from === "") return asked;
    const place = readPlace(from.trim());
    if (place === undefined) return { ...asked, fault: noPlace };
    if ((await findPosition(database, place)) === undefined)
      return { ...asked, fault: "No such message is kept in this outbox." };
    return { ...asked, preview: await previewReplay(database, destination, place) };
  }
}

function placeIn({ params: { service = "", destination = "" } }: Request): Pick<Asked, "service" | "destination"> {
  return { service: String(service), destination: String(destination) };
}

const noPlace = "Expected a time such as 2026-11-23T03:00:00Z, the id of a message, or a position.";

const unknownReplay: Page = {
  title: "A replay",
  status: 404,
  body: html`<p>This console has begun no such replay since it started. One that was begun goes on by itself:
    <a href="/outbox">what waits for whom</a>.</p>`,
};
