import type { Server } from "node:http";
import type { RequestHandler, Response } from "express";

export type Intake = {
  readonly isStopping: () => boolean;
  readonly count: RequestHandler;
  /** Accepts no more connections, waits for the requests in flight, and cuts them after `drainMs`. */
  stop(server: Server, drainMs: number): Promise<void>;
};

/** Knows which requests are in flight, so that a server can stop without dropping one. */
export function createIntake(): Intake {
  const inFlight = new Set<Response>();
  let stopping = false;
  return {
    isStopping: () => stopping,
    count(_request, response, next) {
      inFlight.add(response);
      response.once("close", () => inFlight.delete(response));
      if (stopping) response.set("connection", "close");
      next();
    },
    async stop(server, drainMs) {
      stopping = true;
      // Otherwise the client would keep its connection for a next request, and the server wait for that.
      for (const response of inFlight) if (!response.headersSent) response.set("connection", "close");
      const cut = setTimeout(() => server.closeAllConnections(), drainMs);
      await new Promise<unknown>((resolve) => server.close(resolve));
      clearTimeout(cut);
    },
  };
}
