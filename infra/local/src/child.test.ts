import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, onTestFinished, test, vi } from "vitest";
import { type Program, startChild } from "./child.ts";
import { isRunning } from "./leftover.ts";

const folder = mkdtempSync(join(tmpdir(), "child-"));
afterAll(() => rmSync(folder, { recursive: true }));

const surroundings = (name: string) => ({ dataDir: join(folder, name), log: () => undefined });
const script = (text: string): Program => ({
  name: "The program",
  command: process.execPath,
  args: ["-e", text],
  ports: [],
});
const stays = "setInterval(() => {}, 60_000); console.log('it is up');";

test("a program is there once its output says so, and gone once disposed", async () => {
  const place = surroundings("up");
  const child = await startChild({ ...script(stays), ready: /it is up/ }, place);
  expect(isRunning(join(place.dataDir, "pid"))).toBe(child.pid);
  await child[Symbol.asyncDispose]();
  expect(await child.ended).toBe("ended by SIGTERM");
  expect(isRunning(join(place.dataDir, "pid"))).toBeUndefined();
});

test("a program that does not end is killed once a service would have given up, and that is told", async () => {
  const said: string[] = [];
  const place = { ...surroundings("deaf"), log: (sentence: string) => void said.push(sentence) };
  const child = await startChild({ ...script(`process.on("SIGTERM", () => {}); ${stays}`), ready: /it is up/ }, place);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const stopped = child[Symbol.asyncDispose]();
  vi.advanceTimersByTime(40_000);
  expect(said).toEqual([]);
  vi.advanceTimersByTime(5_000);
  await stopped;
  expect(await child.ended).toBe("ended by SIGKILL");
  expect(said).toEqual(["The program did not end within 45 s, and is killed: what it had in hand comes again."]);
});

test("a program that does not start is reported with its last words", async () => {
  const dying = { ...script("console.log('no such disk'); process.exit(3)"), ready: /never said/ };
  await expect(startChild(dying, surroundings("dying"))).rejects.toThrow(/The program did not start.*no such disk/s);
});

test("a program that is not installed is named", async () => {
  const program = { ...script(""), command: join(folder, "no-such-program"), ready: /never said/ };
  await expect(startChild(program, surroundings("lacking"))).rejects.toThrow(/The program .*no-such-program/s);
});

test("a port in use is named, and who wants it", async () => {
  await using taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const program = { ...script(stays), ports: [port] };
  await expect(startChild(program, surroundings("port"))).rejects.toThrow(
    `Port ${port}, which The program needs, is in use`,
  );
});

test("a second start ends what the first left behind, and says so", async () => {
  const place = surroundings("twice");
  const left = await startChild(script(stays), place);
  const said: string[] = [];
  await using child = await startChild(script(stays), { ...place, log: (sentence) => void said.push(sentence) });
  expect(await left.ended).toBe("ended by SIGTERM");
  expect(said).toEqual([`The program was still running from a run that crashed (pid ${left.pid}); it was ended.`]);
  expect(child.pid).not.toBe(left.pid);
});

test("every line is told and kept", async () => {
  const place = surroundings("lines");
  const told: string[] = [];
  await using child = await startChild(script("console.log('one'); console.error('two');"), {
    ...place,
    onLine: (line) => void told.push(line),
  });
  await child.ended;
  await vi.waitUntil(() => told.length === 2, { timeout: 10_000 });
  expect(told.toSorted()).toEqual(["one", "two"]);
  const kept = () => readFileSync(join(place.dataDir, "output.log"), "utf8");
  await vi.waitFor(() => expect(kept().split("\n").toSorted()).toEqual(["", "one", "two"]), { timeout: 10_000 });
});

test.runIf(process.platform === "linux")("a child dies with the one that started it, even by SIGKILL", async () => {
  const place = surroundings("tied");
  const module = JSON.stringify(new URL("child.ts", import.meta.url).href);
  const program = JSON.stringify(script(stays));
  const start = `const { startChild } = await import(${module});
    await startChild({ ...${program}, ready: /it is up/ }, { dataDir: ${JSON.stringify(place.dataDir)}, log() {} });
    console.log("started");`;
  const launcher = spawn(process.execPath, ["--input-type=module", "-e", start], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(launcher.stdout, "data");
  expect(isRunning(join(place.dataDir, "pid"))).toBeDefined();
  launcher.kill("SIGKILL");
  await vi.waitUntil(() => isRunning(join(place.dataDir, "pid")) === undefined, { timeout: 5_000 });
});
