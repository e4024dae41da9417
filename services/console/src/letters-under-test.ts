import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LetterOptions, letterWhen, openLetters, patience } from "@throughline/dead-letters/testing";
import { openAccess, serveHttp } from "@throughline/service";
import { issueDevelopmentToken } from "@throughline/service/development-key";
import { vi } from "vitest";
import type { Desks } from "./desks.ts";
import { routes } from "./http.ts";
import { createLetterReplays } from "./letter-replays.ts";
import { lettersRoutes } from "./letters-http.ts";
import { createTraces } from "./traces.ts";
import { watchServices } from "./watch.ts";

const quiet = { service: "test", httpHost: "127.0.0.1", port: 0, logLevel: "silent", shutdownGraceMs: 1_000 };

/** A service whose group refuses what it hears, as long as `fault.message` is set, and a console that shows its letters. */
export async function openShop(options: LetterOptions = {}) {
  await using opening = new AsyncDisposableStack();
  const letters = opening.use(await openLetters(options));
  letters.fault.message = "no";
  const desks: Desks = {
    services: ["diary"],
    open: async () => ({ desks: [letters.desk], silent: [] }),
    [Symbol.asyncDispose]: async () => undefined,
  };
  const console = opening.use(await openConsole(desks));
  const opened = opening.move();
  return {
    ...letters,
    ...console,
    /** As many letters as said, of the kind of the first. */
    multiply: (count: number) =>
      letters.database.execute(`insert into dead_letters (group_name, road, origin, body, headers, type, key, error_name,
          error_message, error_stack, fingerprint, attempts, deaths, first_failed_at, last_failed_at)
        select group_name, road, origin, body || convert_to(n::text, 'utf8'), headers, type, 'o-' || n, error_name,
          error_message, '', fingerprint, attempts, deaths, now(), now()
        from dead_letters, generate_series(2, ${count}) n where number = 1`),
    kindOf: async (number: number) => (await letterWhen(letters.database, number)).fingerprint,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Asked with a token of ann, who is an operator, unless other headers are given. */
export async function openConsole(desks: Desks) {
  await using opening = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "throughline-"));
  opening.defer(() => rm(folder, { recursive: true }));
  const keyFile = join(folder, "key.json");
  const tokenOf = (subject: string) => issueDevelopmentToken(keyFile, { subject, roles: ["operator"] });
  const token = await tokenOf("ann");
  const authorized = { authorization: `Bearer ${token}` };
  const logged: object[] = [];
  const acts = { info: (entry: object) => void logged.push(entry) };
  opening.use(desks);
  const replays = opening.use(createLetterReplays());
  const watch = opening.use(watchServices([]));
  const traces = createTraces({ mostSpans: 10 });
  const parts = { addresses: [], watch, traces, acts, stopping: new AbortController().signal };
  const access = openAccess({ access: { kind: "development", keyFile } });
  const more = [lettersRoutes({ desks, replays, log: { warn: () => undefined }, acts })];
  const http = opening.use(await serveHttp(quiet, { routes: routes({ ...parts, access, more }) }));
  const opened = opening.move();

  function ask(path: string, init: RequestInit = {}, headers: Record<string, string> = authorized) {
    return fetch(http.url + path, { redirect: "manual", ...init, headers: { accept: "text/html", ...headers } });
  }
  return {
    ...{ url: http.url, token, tokenOf, logged },
    get: (path: string) => ask(path),
    read: async (path: string, headers?: Record<string, string>) => (await ask(path, {}, headers)).text(),
    until: (path: string, text: string) =>
      vi.waitUntil(async () => (await (await ask(path)).text()).includes(text), patience),
    act: (path: string, fields: Record<string, string>, headers?: Record<string, string>) =>
      ask(path, { method: "POST", body: new URLSearchParams(fields) }, headers),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
