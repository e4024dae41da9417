import { createServer, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";

/** `PublishBatch`, `DeleteMessageBatch` …, and its body as it is on the wire: JSON for SQS, a form for SNS. */
export type Call = { readonly action: string; readonly body: string };

export type Answer = { readonly status: number; readonly contentType: string; readonly body: string };

/** Decides about one call: an answer in the broker's place, `down` for a cut connection, or nothing, to let it pass. */
export type Intercept = (call: Call) => Answer | "down" | undefined;

export type FaultProxy = AsyncDisposable & {
  readonly url: string;
  /** Everything that was called, in order. */
  readonly calls: readonly Call[];
  intercept: Intercept;
};

/** Stands between an SDK client and the emulator at `target`, so that a test sees the calls and can make them fail. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const calls: Call[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const call = { action: actionOf(request, body), body };
    calls.push(call);
    const decision = proxy.intercept(call);
    if (decision === "down") {
      request.socket.destroy();
      return;
    }
    const answer = decision ?? (await forward(target, request, body));
    response.writeHead(answer.status, { "content-type": answer.contentType }).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${port}`,
    calls,
    intercept: () => undefined,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
  return proxy;
}

function actionOf({ headers }: IncomingMessage, body: string): string {
  const target = headers["x-amz-target"];
  return typeof target === "string"
    ? target.replace(/^AmazonSQS\./, "")
    : (new URLSearchParams(body).get("Action") ?? "");
}

async function forward(target: string, { headers }: IncomingMessage, body: string): Promise<Answer> {
  const passed = ["content-type", "x-amz-target", "authorization"].map((name) => [name, headers[name] ?? ""]);
  const answer = await fetch(target, {
    method: "POST",
    headers: Object.fromEntries(passed.filter(([, value]) => value)),
    body,
  });
  return {
    status: answer.status,
    contentType: answer.headers.get("content-type") ?? "",
    body: await answer.text(),
  };
}
