import { openAccess, parseConfig, serveHttp, startService } from "@throughline/service";
import { openDesks } from "./desks.ts";
import { routes } from "./http.ts";
import { createLetterReplays } from "./letter-replays.ts";
import { lettersRoutes } from "./letters-http.ts";
import { serveOtlp } from "./otlp.ts";
import { outboxRoutes } from "./outbox-http.ts";
import { findRecordsAbout } from "./records-about.ts";
import { createTraces } from "./traces.ts";
import { tryRoutes } from "./try-http.ts";
import { watchServices } from "./watch.ts";

const config = parseConfig({ service: "console", port: 14_000, access: true, database: false });
const stopping = new AbortController();
const traces = createTraces({ mostSpans: 50_000 });

await using service = await startService(config);
await using desks = openDesks(config);
await using replays = createLetterReplays();
using watch = watchServices(config.services);
const { log, acts } = service;
const more = [lettersRoutes({ desks, replays, log, acts }), outboxRoutes(desks, watch), tryRoutes(config, watch, acts)];
await using _http = await serveHttp(config, {
  routes: routes({
    ...{ addresses: config.services, watch, traces, access: openAccess(config), acts, stopping: stopping.signal, more },
    recordsAbout: (key) => findRecordsAbout(desks, key),
  }),
});
await using _otlp = config.otlp && (await serveOtlp({ ...config, port: config.otlp.port }, traces, config.otlp));
await service.stopped;
stopping.abort();
