import { readFile } from "node:fs/promises";
import { Router } from "express";
import { type Address, type Snapshot, takeSnapshot } from "./snapshot.ts";

const page = `${import.meta.dirname}/../page/index.html`;

/** The page, and the snapshots that it lives on: one as JSON, or one each second as server-sent events. */
export function routes(addresses: readonly Address[], stopping: AbortSignal): Router {
  const router = Router();
  const latest = shared(() => takeSnapshot(addresses));

  router.get("/", async (_request, response) => {
    response.type("html").send(await readFile(page, "utf8"));
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

/** However many look, each service is asked once in 900 ms. */
function shared(take: () => Promise<Snapshot>): () => Promise<Snapshot> {
  let taken = { at: 0, snapshot: undefined as Promise<Snapshot> | undefined };
  return () => {
    if (!taken.snapshot || Date.now() - taken.at > 900) taken = { at: Date.now(), snapshot: take() };
    return taken.snapshot ?? take();
  };
}
