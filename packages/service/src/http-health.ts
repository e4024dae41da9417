import { readFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { pathToFileURL } from "node:url";
import express, { type Router } from "express";
import { problem } from "./http-problem.ts";

export type Health = {
  readonly service: string;
  /** Checks by part, for `/readyz`. One that rejects, or takes longer than 2 s, is not ready; its error is the reason. */
  readonly ready?: Readonly<Record<string, () => unknown>> | undefined;
  /** What `/status` shows beside the facts of the process. */
  readonly status?: (() => object | Promise<object>) | undefined;
  readonly isStopping: () => boolean;
};

/** `/livez`: this process turns its event loop. `/readyz`: it can do its work. `/status`: what it is doing. */
export function healthRoutes({ service, ready = {}, status = () => ({}), isStopping }: Health): Router {
  const routes = express.Router();
  routes.get("/livez", (_request, response) => {
    response.json({ status: "alive" });
  });
  routes.get("/readyz", async (_request, response) => {
    if (isStopping()) throw problem(503, "Not Ready", { detail: "stopping", parts: { process: "stopping" } });
    const checks = Object.entries(ready).map(async ([part, check]) => [part, await outcomeOf(check)]);
    const parts = Object.fromEntries(await Promise.all(checks));
    const isReady = Object.values(parts).every((outcome) => outcome === "ready");
    if (!isReady) throw problem(503, "Not Ready", { parts });
    response.json({ status: "ready", parts });
  });
  routes.get("/status", async (_request, response) => {
    response.json({ service, ...processFacts(), ...(await status()) });
  });
  return routes;
}

async function outcomeOf(check: () => unknown): Promise<string> {
  const { promise: late, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(resolve, 2_000, "no answer within 2 s");
  try {
    return await Promise.race([Promise.resolve(check()).then(() => "ready"), late]);
  } catch (error) {
    return reasonOf(error);
  } finally {
    clearTimeout(timer);
  }
}

/** Node's "could not connect to any of the addresses" is an AggregateError, which has a code and no message. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || ("code" in error ? String(error.code) : error.name);
}

function processFacts(): object {
  const { rss, heapUsed } = process.memoryUsage();
  return {
    version: versionOfMain(),
    node: process.version,
    pid: process.pid,
    uptimeSeconds: Math.round(process.uptime()),
    rssBytes: rss,
    heapUsedBytes: heapUsed,
  };
}

/** The version in the package.json that the main file belongs to. */
function versionOfMain(): unknown {
  const main = process.argv[1];
  const file = main === undefined ? undefined : findPackageJSON(pathToFileURL(main));
  if (file === undefined) return undefined;
  const manifest: { readonly version?: unknown } = JSON.parse(readFileSync(file, "utf8"));
  return manifest.version;
}
