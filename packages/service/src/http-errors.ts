import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { currentCause, newId } from "@throughline/envelope";
import type { ErrorRequestHandler, RequestHandler, Response, Router } from "express";
import type { Logger } from "pino";
import { HttpProblem, problem } from "./http-problem.ts";
import { jsonErrorPosition } from "./json-position.ts";

/** Which problem an error of the service's own is, if any: the one place where the domain meets status codes. */
export type MapError = (error: unknown) => HttpProblem | undefined;

/** Answers every error with a problem. Only what is thrown as a problem, or mapped to one, says more than its status. */
export function answerErrors(log: Logger, mapError: MapError = () => undefined): ErrorRequestHandler {
  return (error: unknown, request, response, _next) => {
    const answer =
      error instanceof HttpProblem ? error : (mapError(error) ?? requestProblem(error) ?? ownProblem(error));
    if (answer.status >= 500) log.error({ err: error }, `${request.method} ${request.path} failed`);
    // Half an answer is on its way: cutting it off is the only way left to tell the client.
    if (response.headersSent) response.destroy();
    else sendProblem(response.set(headersFor(answer.status)), answer);
  };
}

/** 404, or 405 with the methods that the path has. */
export function answerUnknownRoutes(...routers: readonly Router[]): RequestHandler {
  return (request, response) => {
    const methods = [...new Set(routers.flatMap((router) => methodsAt(router, request.path)))];
    if (methods.length === 0) {
      throw problem(404, "Not Found", { detail: `There is no ${request.method} ${request.path}` });
    }
    response.set("allow", methods.join(", "));
    throw problem(405, "Method Not Allowed", { detail: `${request.path} has ${methods.join(", ")}` });
  };
}

/** What is no HTTP, or too slow in coming, reaches no route: Node hands over the socket. */
export function answerUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable) return void socket.destroy();
  const status = unreadable.get(error.code ?? "") ?? 400;
  const title = STATUS_CODES[status] ?? "";
  const correlationId = newId();
  const body = JSON.stringify({ type: "about:blank", title, status, correlationId });
  const headers = [
    `HTTP/1.1 ${status} ${title}`,
    "content-type: application/problem+json",
    `content-length: ${body.length}`,
    `x-correlation-id: ${correlationId}`,
    "connection: close",
  ];
  socket.end(`${headers.join("\r\n")}\r\n\r\n${body}`);
}

const unreadable: ReadonlyMap<string, number> = new Map([
  ["HPE_HEADER_OVERFLOW", 431],
  ["ERR_HTTP_REQUEST_TIMEOUT", 408],
]);

function headersFor(status: number): Record<string, string> {
  if (status === 401) return { "www-authenticate": "Bearer" };
  return status === 503 ? { "retry-after": "1" } : {};
}

function sendProblem(response: Response, { status, title, extra }: HttpProblem): void {
  const correlationId = currentCause()?.correlationId;
  response
    .status(status)
    .type("application/problem+json")
    .send(JSON.stringify({ type: "about:blank", title, status, ...extra, correlationId }));
}

function ownProblem(error: unknown): HttpProblem {
  if (isAway(error))
    return problem(503, "Service Unavailable", { detail: "What this needs does not answer: try again" });
  return problem(500, "Internal Server Error", { detail: "The correlation id leads to the cause in the logs" });
}

// Of Postgres: shutting down, crashed, starting, only reading; without disk, memory or connections to give; class 08 is the
// connection. Of a place of bodies: EBUSY. The rest is the network's. `transient.ts` of `inbox` has the same, without the
// lock not had in time.
const awayCodes =
  /^(57P01|57P02|57P03|25006|53[123]00|55P03|08...|EBUSY|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;
// `pg` has no codes for these.
const awayMessages =
  /^(Connection terminated|timeout exceeded when trying to connect|Client (was closed|has encountered))/;

function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? String(error.code) : "";
  return awayCodes.test(code) || awayMessages.test(error.message) || isAway(error.cause);
}

/** What express found wrong with the request before a route saw it. Its errors carry `type`, `status` and `expose`. */
function requestProblem(error: unknown): HttpProblem | undefined {
  if (!(error instanceof Error) || !("status" in error) || typeof error.status !== "number") return undefined;
  if (error.status < 400 || error.status >= 500) return undefined;
  const type = "type" in error ? error.type : undefined;
  if (type === "entity.too.large" && "limit" in error)
    return problem(413, "Content Too Large", { detail: `The limit is ${Number(error.limit) / 2 ** 20} MiB` });
  if (type === "entity.parse.failed" && "body" in error && typeof error.body === "string") {
    const detail = `The body stops being JSON at position ${jsonErrorPosition(error.body)}`;
    return problem(400, "Bad Request", { detail });
  }
  return problem(error.status, error.status === 415 ? "Unsupported Media Type" : "Bad Request", {
    detail: error.message,
  });
}

/** A layer of a router, with what the types leave out: how much of a path it takes. */
type Layer = Router["stack"][number] & { match(path: string): false | { readonly path: string } };

function methodsAt(router: Router, path: string): string[] {
  return (router.stack as Layer[]).flatMap((layer) => {
    const taken = layer.match(path);
    if (!taken) return [];
    if (isRouter(layer.handle)) return methodsAt(layer.handle, path.slice(taken.path.length) || "/");
    return layer.route?.stack.map(({ method }) => method.toUpperCase()) ?? [];
  });
}

function isRouter(handle: object): handle is Router {
  return "stack" in handle;
}
