import { readBody } from "@throughline/service";
import { Router } from "express";
import { spansOf, tracesBody } from "./spans.ts";
import type { Traces } from "./traces.ts";

/** The address that OTEL_EXPORTER_OTLP_ENDPOINT names: takes spans as JSON over HTTP, as a collector does. */
export function otlpRoutes(traces: Traces): Router {
  const router = Router();
  router.post("/v1/traces", (request, response) => {
    traces.add(spansOf(readBody(tracesBody, request)));
    response.json({});
  });
  // What is told beside them is taken, and not kept.
  router.post(["/v1/metrics", "/v1/logs"], (_request, response) => {
    response.json({});
  });
  return router;
}
