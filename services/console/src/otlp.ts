import { readBody, serveHttp } from "@throughline/service";
import express, { type Request, type Response, Router } from "express";
import { protobuf, readProtobuf } from "./otlp-protobuf.ts";
import { spansOf, tracesBody } from "./spans.ts";
import type { Traces } from "./traces.ts";

export type OtlpOptions = {
  /** Whom the spans are handed on to, another OTLP endpoint. What it does not take is lost there. Default: nobody. */
  readonly forwardUrl?: string | undefined;
};

/** 512 spans, as the SDK sends them together, are 1.4 MiB where all are of statements. */
const mostMebibytes = 4;

/** The address that OTEL_EXPORTER_OTLP_ENDPOINT names: takes spans over HTTP, as a collector does. */
export function serveOtlp(
  config: Parameters<typeof serveHttp>[0],
  traces: Traces,
  options: OtlpOptions = {},
): ReturnType<typeof serveHttp> {
  return serveHttp(config, { routes: otlpRoutes(traces, options), most: mostMebibytes });
}

function otlpRoutes(traces: Traces, { forwardUrl }: OtlpOptions): Router {
  const router = Router();
  const forward =
    forwardUrl === undefined ? () => undefined : forwarderTo(`${forwardUrl.replace(/\/$/, "")}/v1/traces`);
  router.post("/v1/traces", express.raw({ type: protobuf, limit: `${mostMebibytes}mb` }), (request, response) => {
    const { body } = request;
    traces.add(spansOf(Buffer.isBuffer(body) ? readProtobuf(body) : readBody(tracesBody, request)));
    accept(request, response);
    forward(body);
  });
  // What is told beside them is taken, and not kept.
  router.post(["/v1/metrics", "/v1/logs"], accept);
  return router;
}

/** With nothing to add, in the encoding of the request, as OTLP wants it. */
function accept(request: Request, response: Response): void {
  if (request.is(protobuf)) response.type(protobuf).end();
  else response.json({});
}

const mostUnderWay = 8;

/** Waits for nobody: a batch that comes while too many are under way is not handed on. */
function forwarderTo(url: string): (body: unknown) => void {
  let underWay = 0;
  return (body) => {
    if (underWay === mostUnderWay) return;
    underWay += 1;
    const isProtobuf = Buffer.isBuffer(body);
    // Without a span of its own, which would be handed on by another one.
    fetch(url, {
      ...{ method: "POST", headers: { "content-type": isProtobuf ? protobuf : "application/json" } },
      body: isProtobuf ? body : JSON.stringify(body),
      signal: AbortSignal.timeout(3_000),
    })
      .then((answer) => answer.arrayBuffer())
      .catch(() => undefined)
      .finally(() => {
        underWay -= 1;
      });
  };
}
