import { parseConfig, serveHttp, startService } from "@throughline/service";
import { routes } from "./http.ts";

const config = parseConfig({ service: "console", port: 14_000, database: false });
const stopping = new AbortController();

await using service = await startService(config);
await using _http = await serveHttp(config, { routes: routes(config.services, stopping.signal) });
await service.stopped;
stopping.abort();
