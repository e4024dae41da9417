import { once } from "node:events";
import { createServer, type Server } from "node:http";
import express, { type NextFunction, type Request, type Response, type Router } from "express";
import type { Logger } from "pino";
import type { Config } from "./config.ts";
import { answerErrors, answerUnknownRoutes, answerUnreadable, type MapError } from "./http-errors.ts";
import { type Health, healthRoutes } from "./http-health.ts";
import { jsonTypes } from "./http-input.ts";
import { createIntake, type Intake } from "./http-intake.ts";
import { problem } from "./http-problem.ts";
import { followRequests } from "./http-request.ts";
import { createLogger } from "./logger.ts";
import { closePart } from "./parts.ts";

export type HttpOptions = Pick<Health, "ready" | "status"> & {
  /** The service's own routes: `const routes = express.Router()`. A route may throw a `problem`. */
  readonly routes: Router;
  /** Maps the service's own errors to problems. What it does not know is a 500 that tells nothing. */
  readonly mapError?: MapError;
  /** Of a body, in MiB. Default: 1. */
  readonly most?: number;
};

export type HttpServer = AsyncDisposable & {
  /** `http://127.0.0.1:14001`, with the real port where PORT is 0. */
  readonly url: string;
};

type HttpConfig = Pick<Config, "service" | "httpHost" | "port" | "logLevel" | "shutdownGraceMs">;

/**
 * Serves JSON over HTTP until it is disposed: then it accepts no more connections and waits for the requests in flight,
 * which are cut after a quarter of SHUTDOWN_GRACE_MS. Every answer carries `x-correlation-id`, and every error is a
 * problem (RFC 9457).
 */
export async function serveHttp(config: HttpConfig, options: HttpOptions): Promise<HttpServer> {
  const log = createLogger(config);
  const intake = createIntake();
  const app = createApp(config.service, options, intake, log);
  // What Node would answer by itself, without a correlation id, is refused by the app.
  const server = createServer({ requireHostHeader: false }, app).on("checkExpectation", app);
  // Longer than a load balancer keeps its connections (60 s): the side that may send must be the first to let go.
  server.keepAliveTimeout = 65_000;
  server.on("clientError", answerUnreadable);
  server.listen(config.port, config.httpHost);
  await once(server, "listening");
  const url = urlOf(server);
  log.info({ url }, "listening");
  return {
    url,
    [Symbol.asyncDispose]: () => closePart("http", () => intake.stop(server, config.shutdownGraceMs / 4)),
  };
}

function createApp(
  service: string,
  { routes, ready, status, mapError, most = 1 }: HttpOptions,
  intake: Intake,
  log: Logger,
) {
  const app = express().disable("x-powered-by").disable("etag");
  app.use(followRequests(log), intake.count, refuseUnfit, refuseZeros);
  const health = healthRoutes({ service, ready, status, isStopping: intake.isStopping });
  app.use(health);
  app.use(express.json({ limit: `${most}mb`, type: jsonTypes, strict: false }));
  app.use(routes);
  app.use(answerUnknownRoutes(health, routes));
  app.use(answerErrors(log, mapError));
  return app;
}

/** A request of HTTP/1.1 names a host, and nobody meets any other expectation (RFC 9112, 3.2, and RFC 9110, 10.1.1). */
function refuseUnfit(
  { httpVersion, headers: { host, expect } }: Request,
  _response: Response,
  next: NextFunction,
): void {
  if (httpVersion === "1.1" && host === undefined)
    throw problem(400, "Bad Request", { detail: "The header Host is missing" });
  if (httpVersion === "1.1" && expect !== undefined && !/100-continue/i.test(expect)) {
    throw problem(417, "Expectation Failed", { detail: `Nobody here knows what to do for ${expect}` });
  }
  next();
}

/** No text in Postgres may contain it, so no address with it can mean anything. */
function refuseZeros(request: Request, _response: Response, next: NextFunction): void {
  if (request.url.includes("%00")) throw problem(400, "Bad Request", { detail: "The address contains U+0000" });
  next();
}

function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The HTTP server listens on no port");
  const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}
