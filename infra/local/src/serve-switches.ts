import { randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { assertPortIsFree } from "./ports.ts";
import type { Switch } from "./switch.ts";

/** Where brokers are turned on and off; whoever has the address may. */
export type Switchboard = AsyncDisposable & { readonly url: string };

/**
 * `GET url` tells which brokers there are, as `{"kafka": "on"}`; `POST url/kafka/off` and `…/on` answer once it is so. The
 * address has a secret in it, new at each start.
 */
export async function serveSwitches(
  port: number,
  switches: Readonly<Record<string, Switch>>,
  log: (sentence: string) => void,
): Promise<Switchboard> {
  const secret = `/${randomBytes(24).toString("base64url")}`;
  const server = createServer(async (request, response) => {
    try {
      await answer(request, response);
    } catch (error) {
      log(`A broker was not turned: ${error instanceof Error ? error.message : String(error)}`);
      response.writeHead(500).end();
    }
  });
  await assertPortIsFree(port, "the console's way to the brokers");
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  // The port is another one where it was 0.
  const at = server.address();
  return {
    url: `http://127.0.0.1:${typeof at === "object" ? at?.port : port}${secret}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function answer({ method, url = "" }: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, name = "", to = ""] = url.slice(secret.length).split("/");
    if (!isSame(url.slice(0, secret.length), secret)) return void response.writeHead(404).end();
    const wanted = Object.hasOwn(switches, name) ? switches[name] : undefined;
    if (method === "POST" && wanted !== undefined && (to === "on" || to === "off")) {
      log(`${name} is turned ${to}, as the console asked.`);
      await wanted.turn(to);
    } else if (method !== "GET" || name !== "") return void response.writeHead(404).end();
    const states = Object.entries(switches).map(([each, { isOn }]) => [each, isOn ? "on" : "off"]);
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(Object.fromEntries(states)));
  }
}

function isSame(given: string, secret: string): boolean {
  return given.length === secret.length && timingSafeEqual(Buffer.from(given), Buffer.from(secret));
}
