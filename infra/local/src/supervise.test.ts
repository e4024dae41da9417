import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { freeBasePort } from "./ports.ts";
import { supervise } from "./supervise.ts";

const folder = mkdtempSync(join(tmpdir(), "supervise-"));
afterAll(() => rmSync(folder, { recursive: true }));

const answers =
  "require('node:http').createServer((_, answer) => answer.end(process.env.CRASH_AT)).listen(process.env.PORT)";

test("a process that is killed comes back, without the order to crash", async () => {
  const { service, url, said } = await start("killed", { restarts: true });
  await using _ = service;
  const { pid } = service;
  expect(await textOf(url)).toBe("relay.after_publish:1");
  service.kill("SIGKILL");
  await vi.waitUntil(() => service.restarts === 1, { timeout: 10_000 });
  await vi.waitUntil(async () => (await textOf(url)) === "", { timeout: 10_000 });
  expect(service.pid).not.toBe(pid);
  expect(service.ends).toEqual(["ended by SIGKILL"]);
  expect(said).toContain("The service ended by SIGKILL; it starts again.");
});

test("one that shall not come back stays away", async () => {
  const { service } = await start("once", { restarts: false });
  await using _ = service;
  service.kill("SIGKILL");
  expect(await service.ended).toBe("ended by SIGKILL");
  expect(service.restarts).toBe(0);
});

test("one that is stopped while it is away does not come back", async () => {
  const { service } = await start("stopped", { restarts: true });
  service.kill("SIGKILL");
  await service.ended;
  await service[Symbol.asyncDispose]();
  expect(service.restarts).toBe(0);
});

test("one that finds its port taken when it comes back tries again", async () => {
  const { service, url, said } = await start("port", { restarts: true });
  await using _ = service;
  const thief = createServer();
  service.kill("SIGKILL");
  await service.ended;
  thief.listen(Number(new URL(url).port), "127.0.0.1");
  await vi.waitUntil(() => said.some((sentence) => sentence.includes("is in use by another program")), {
    timeout: 10_000,
  });
  thief.close();
  await vi.waitUntil(async () => (await textOf(url)) === "", { timeout: 10_000 });
});

async function start(name: string, { restarts }: { restarts: boolean }) {
  const port = await freeBasePort();
  const url = `http://127.0.0.1:${port}`;
  const said: string[] = [];
  const env = { PORT: String(port), CRASH_AT: "relay.after_publish:1" };
  const program = { name: "The service", command: process.execPath, args: ["-e", answers], env, ports: [port] };
  const surroundings = { dataDir: join(folder, name), log: (sentence: string) => void said.push(sentence) };
  return { service: await supervise(program, surroundings, { url, restarts }), url, said };
}

async function textOf(url: string): Promise<string | undefined> {
  try {
    return await (await fetch(url)).text();
  } catch {
    return undefined; // Nobody answers while it is away.
  }
}
