import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { freeBasePort } from "./ports.ts";
import { supervise } from "./supervise.ts";

/** Says that it is ready, and its settings; with CRASH_AT it dies at the first question. */
const program = `
  const answer = JSON.stringify({ crashAt: process.env.CRASH_AT ?? null });
  require("node:http").createServer((request, response) => {
    if (request.url === "/die") process.exit(3);
    if (request.url === "/warn") console.log(JSON.stringify({ level: "warn", msg: "careful", err: { message: "hot" } }));
    response.end(answer);
  }).listen(process.env.PORT, "127.0.0.1");`;

let dataDir: string;
const said: string[] = [];
const log = (sentence: string) => void said.push(sentence);

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "supervise-"));
  said.length = 0;
});
afterEach(() => rmSync(dataDir, { recursive: true }));

test("a process that dies comes back, and a person is told", async () => {
  await using service = await start();
  const { pid } = service.process;
  service.process.kill("SIGKILL");
  await vi.waitUntil(() => service.process.restarts === 1 && service.process.pid !== pid, { timeout: 10_000 });
  await vi.waitFor(() => service.ask("/"), { timeout: 10_000 });
  expect(said).toContain("shop ended by SIGKILL; it starts again.");
  expect(service.process.ends).toEqual(["ended by SIGKILL"]);
});

test("a crash point is passed once: who comes back has none", async () => {
  await using service = await start({ CRASH_AT: "inbox.after_commit:1" });
  expect(await service.ask("/")).toEqual({ crashAt: "inbox.after_commit:1" });
  await service.ask("/die").catch(() => undefined);
  await vi.waitFor(async () => expect(await service.ask("/")).toEqual({ crashAt: null }), { timeout: 10_000 });
});

test("a process that is not to come back stays away", async () => {
  await using service = await start({}, { restarts: false });
  service.process.kill("SIGKILL");
  expect(await service.process.ended).toBe("ended by SIGKILL");
  await expect(service.ask("/")).rejects.toThrow();
});

test("warnings among the log lines reach a person, and every line the file", async () => {
  await using service = await start();
  await service.ask("/warn");
  await vi.waitUntil(() => said.includes("shop: careful (hot)"), { timeout: 5_000 });
  await vi.waitUntil(() => readFileSync(join(dataDir, "output.log"), "utf8").includes("careful"), { timeout: 5_000 });
});

test("a port in use is explained, and nothing is started", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  await expect(start({}, { port })).rejects.toThrow(`Port ${port}, which shop needs, is in use by another program`);
  other.close();
});

async function start(env: Record<string, string> = {}, { restarts = true, port = 0 } = {}) {
  const at = port || (await freeBasePort());
  const url = `http://127.0.0.1:${at}`;
  const what = {
    name: "shop",
    command: process.execPath,
    args: ["-e", program],
    env: { ...env, PORT: String(at) },
    ports: [at],
  };
  const supervised = await supervise(what, { dataDir, log }, { url, restarts });
  return {
    process: supervised,
    ask: async (path: string) => (await (await fetch(`${url}${path}`)).json()) as unknown,
    [Symbol.asyncDispose]: () => supervised[Symbol.asyncDispose](),
  };
}
