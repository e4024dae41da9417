import { describe, expect, test } from "vitest";
import { startChild } from "./testing/child.ts";

const impatient = { HANDLER_TIMEOUT_MS: "100", SHUTDOWN_GRACE_MS: "1000" };

function urlIn(output: string): string {
  return /"url":"([^"]+)"/.exec(output)?.[1] ?? "";
}

describe("a signal to stop", () => {
  test.each(["SIGTERM", "SIGINT"] as const)("finishes what is in flight and exits with 0, by %s", async (signal) => {
    await using child = startChild("process.ts");
    await child.said("listening");
    const slow = fetch(`${urlIn(child.output())}/slow`);
    await child.said("slow request has arrived");
    child.kill(signal);
    expect(await (await slow).json()).toEqual({ done: true });
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(child.output()).toContain('"msg":"stopped"');
  });

  test("that comes before the start is over is honoured then", async () => {
    await using child = startChild("process.ts", ["stop"]);
    expect(await child.ended).toEqual({ code: 0, signal: null });
  });

  test("ends with 1 after the grace time, and names the part that hangs", async () => {
    await using child = startChild("process.ts", ["hang"], impatient);
    await child.said("listening");
    child.kill("SIGTERM");
    expect(await child.ended).toEqual({ code: 1, signal: null });
    expect(child.output()).toContain('"closing":["consumer"]');
  });

  test("ends with 1 after the grace time, and names what keeps Node alive when every part has closed", async () => {
    await using child = startChild("process.ts", ["leak"], impatient);
    await child.said("listening");
    child.kill("SIGTERM");
    expect(await child.ended).toEqual({ code: 1, signal: null });
    expect(child.output()).toMatch(/"closing":\[\],"resources":\[.*"Timeout"/);
  });

  test.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)("that comes twice ends at once, by %s with %d", async (signal, code) => {
    await using child = startChild("process.ts", ["hang"]);
    await child.said("listening");
    child.kill(signal);
    await child.said("stopping");
    child.kill(signal);
    expect(await child.ended).toEqual({ code, signal: null });
    expect(child.output()).toContain("ended at once by a second signal");
  });
});

test.each(["throw", "reject", "fail"])("an error that nobody caught ends the process with 1: %s", async (how) => {
  await using child = startChild("process.ts", [how]);
  expect(await child.ended).toEqual({ code: 1, signal: null });
  expect(child.output()).toMatch(/"level":"fatal".*"err":.*"(thrown|rejected)"/);
});

test("a process kills itself at the pass of a crash point that CRASH_AT names", async () => {
  await using child = startChild("process.ts", ["crash"], { CRASH_AT: "relay.after_publish:3" });
  expect(await child.ended).toEqual({ code: null, signal: "SIGKILL" });
  expect(child.output()).toContain("pass 3");
  expect(child.output()).not.toContain("pass 4");
});

test("a crash point that nobody asked for is passed by", async () => {
  await using child = startChild("process.ts", ["crash"]);
  await child.said("listening");
  expect(child.output()).toContain("pass 4");
});

test("a process that would make no spans although a collector is named refuses to start", async () => {
  await using child = startChild("process.ts", [], { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" });
  expect(await child.ended).toEqual({ code: 1, signal: null });
  expect(child.output()).toContain("no spans are made: start with --import @throughline/service/preload");
});

test("a process that is to make no spans starts without them", async () => {
  const disabled = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1", OTEL_SDK_DISABLED: " True" };
  await using child = startChild("process.ts", [], disabled);
  await child.said("listening");
});
