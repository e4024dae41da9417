import { channel } from "node:diagnostics_channel";
import { sql } from "drizzle-orm";
import express from "express";
import { parseConfig } from "../config.ts";
import { openDatabase } from "../database.ts";
import { callHttp } from "../http-client.ts";
import { serveHttp } from "../http-server.ts";
import { startService } from "../service.ts";
import { runUnsampled } from "../trace-context.ts";

const hasDatabase = process.env.DATABASE_URL !== undefined;
const config = parseConfig({ service: "test", port: 0, database: hasDatabase });
await using service = await startService(config);
await using database = hasDatabase ? await openDatabase(config) : null;

const behaviours: Record<string, () => void> = {
  throw: () => queueMicrotask(() => thrown()),
  reject: () => void Promise.reject(new Error("rejected")),
  crash: () => {
    for (const pass of [1, 2, 3, 4]) {
      console.log(`pass ${pass}`);
      channel("throughline:relay.after_publish").publish(undefined);
    }
  },
  leak: () => void setInterval(() => {}, 1_000),
  stop: () => service.stop("done"),
  fail: () => thrown(),
};
behaviours[process.argv[2] ?? ""]?.();

await using _hanging = process.argv[2] === "hang" ? await service.part("consumer", openHanging()) : null;

const routes = express.Router();
routes.get("/slow", async (_request, response) => {
  service.log.info("slow request has arrived");
  await service.stopped;
  response.json({ done: true });
});
routes.get("/call/:orderId", async (request, response) => {
  const call = () => callHttp(String(request.query.url), { method: "POST", body: { a: 1 }, timeoutMs: 1_000 });
  const answer = await (request.query.unsampled ? runUnsampled(call) : call());
  response.json({ orderId: request.params.orderId, answer: await answer.json() });
});
routes.get("/compute", (_request, response) => {
  for (const endsAt = performance.now() + 300; performance.now() < endsAt; );
  response.json({ done: true });
});
routes.get("/number/:text", async (request, response) => {
  const ask = sql`select ${request.params.text}::integer as number`;
  const answer = await database?.handle.transaction((tx) => tx.execute(ask));
  response.json(answer?.rows);
});
await using _http = await serveHttp(config, { routes, ready: database ? { database: database.ping } : {} });
await service.stopped;

function thrown(): never {
  throw new Error("thrown");
}

async function openHanging(): Promise<AsyncDisposable> {
  const keepAlive = setInterval(() => {}, 1_000);
  return { [Symbol.asyncDispose]: () => new Promise<void>(() => keepAlive.ref()) };
}
