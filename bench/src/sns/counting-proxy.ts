import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export type CountingProxy = AsyncDisposable & { readonly url: string; countOf(action: string): number };

/** Stands before the emulator and counts the calls of SNS by their action. */
export async function startCountingProxy(target: string): Promise<CountingProxy> {
  const counts = new Map<string, number>();
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const action = new URLSearchParams(body).get("Action") ?? "";
    counts.set(action, (counts.get(action) ?? 0) + 1);
    const passed = ["content-type", "x-amz-target", "authorization"].flatMap((name) => {
      const value = request.headers[name];
      return value === undefined ? [] : [[name, String(value)] as [string, string]];
    });
    const answer = await fetch(target, { method: "POST", headers: passed, body });
    response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" });
    response.end(await answer.text());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    countOf: (action) => counts.get(action) ?? 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}
