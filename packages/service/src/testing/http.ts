import { currentCause } from "@throughline/envelope";
import express from "express";
import { z } from "zod";
import { readBody, readQuery } from "../http-input.ts";
import { problem } from "../http-problem.ts";
import { type HttpOptions, serveHttp } from "../http-server.ts";

export const config = { service: "test", httpHost: "127.0.0.1", port: 0, logLevel: "silent", shutdownGraceMs: 40_000 };
const order = z.strictObject({
  customerId: z.string(),
  items: z.array(z.strictObject({ quantity: z.int().positive() })),
});
export const json = { "content-type": "application/json" };

export class OrderError extends Error {}

/** A server with a route for each kind of fault. */
export function serve(options: Partial<HttpOptions> = {}) {
  const routes = express.Router();
  routes.post("/orders", (request, response) => void response.status(201).json(readBody(order, request)));
  routes.get("/orders", (request, response) => {
    response.json(readQuery(z.object({ limit: z.coerce.number().max(100) }), request));
  });
  routes.get("/orders/:orderId", (request) => {
    throw problem(409, "The order is completed", { orderId: request.params.orderId });
  });
  routes.get("/cause", (_request, response) => void response.json(currentCause()));
  routes.post("/cause", async (_request, response) => void response.json(await Promise.resolve(currentCause())));
  routes.get("/domain", () => Promise.reject(new OrderError("No such order")));
  routes.get("/bug", () => Promise.reject(new Error("password is hunter2")));
  // As a pool fails, wrapped by drizzle, while Postgres is away.
  const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
  routes.get("/away", () => Promise.reject(new Error("Failed query", { cause: refused })));
  return serveHttp(config, { routes, ...options });
}

export async function call(url: string, init?: RequestInit) {
  const response = await fetch(url, init);
  const body: unknown = await response.json();
  return { status: response.status, headers: response.headers, body };
}
