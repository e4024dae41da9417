import { once } from "node:events";
import { createServer, type Server } from "node:http";
import express, { type Router } from "express";
import type { Config } from "./config.ts";
import { answerErrors, answerUnknownRoutes, type MapError } from "./http-errors.ts";
import { type Health, healthRoutes } from "./http-health.ts";
import { jsonTypes } from "./http-input.ts";
import { problem } from "./http-problem.ts";
import { followRequests } from "./http-request.ts";
import { createLogger } from "./logger.ts";
import { closePart } from "./parts.ts";

export type HttpOptions = Pick<Health, "ready" | "status"> & {
  /** The service's own routes: `const routes = express.Router()`. A route may throw a `problem`. */
  readonly routes: Router;
  /** Maps the service's own errors to problems. What it does not know is a 500 that tells nothing. */
  readonly mapError?: MapError;
  /** How long requests in flight may take to end at a shutdown, in milliseconds; then they are cut. Default: 10,000. */
  readonly drainMs?: number;
};

export type HttpServer = AsyncDisposable & {
  /** `http://127.0.0.1:14001`, with the real port where PORT is 0. */
  readonly url: string;
};

/**
 * Serves JSON over HTTP until it is disposed: then it accepts no more connections and waits for the requests in flight.
 * Every answer carries `x-correlation-id`, and every error is a problem (RFC 9457).
 */
export async function serveHttp(
  config: Pick<Config, "service" | "httpHost" | "port" | "logLevel">,
  { routes, ready, status, mapError, drainMs = 10_000 }: HttpOptions,
): Promise<HttpServer> {
  const log = createLogger(config);
  let isStopping = false;

  const app = express().disable("x-powered-by").disable("etag");
  app.use(followRequests(log));
  app.use((request, response, next) => {
    if (isStopping) response.set("connection", "close");
    if (request.url.includes("%00")) throw problem(400, "Bad Request", { detail: "The address contains U+0000" });
    next();
  });
  app.use(
    healthRoutes({
      service: config.service,
      isStopping: () => isStopping,
      ...(ready && { ready }),
      ...(status && { status }),
    }),
  );
  app.use(express.json({ limit: "1mb", type: jsonTypes }));
  app.use(routes);
  app.use(answerUnknownRoutes(routes));
  app.use(answerErrors(log, mapError));

  const server = createServer(app);
  server.listen(config.port, config.httpHost);
  await once(server, "listening");
  const url = urlOf(server);
  log.info({ url }, "listening");
  return {
    url,
    [Symbol.asyncDispose]() {
      isStopping = true;
      return closePart("http", () => drain(server, drainMs));
    },
  };
}

async function drain(server: Server, drainMs: number): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), drainMs);
  await new Promise<unknown>((resolve) => server.close(resolve));
  clearTimeout(cut);
}

function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The HTTP server listens on no port");
  const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}
