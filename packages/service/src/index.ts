export { type Config, parseConfig } from "./config.ts";
export { type Database, openDatabase } from "./database.ts";
export { callHttp } from "./http-client.ts";
export { readBody, readQuery } from "./http-input.ts";
export { type HttpProblem, problem } from "./http-problem.ts";
export { serveHttp } from "./http-server.ts";
export { migrate } from "./migrate.ts";
export { type Service, startService } from "./service.ts";
export type { Road } from "./settings.ts";
