import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";

test("what npm runs hears of it when npm's shell is ended", async () => {
  const url = new URL("./when-orphaned.ts", import.meta.url).href;
  const code = `
    const { whenOrphaned } = await import("${url}");
    whenOrphaned().addEventListener("abort", () => { console.log("heard"); process.exit(); });
    setInterval(() => {}, 1_000);
    console.log("listening");`;
  // With a second command, no shell makes way for the first.
  const shell = spawn("sh", ["-c", `"$NODE" --input-type=module --eval "$CODE"; true`], {
    env: { ...process.env, npm_lifecycle_event: "start", NODE: process.execPath, CODE: code },
    stdio: ["ignore", "pipe", "inherit"],
  });
  shell.stdout.setEncoding("utf8");
  expect(await once(shell.stdout, "data")).toEqual(["listening\n"]);
  shell.kill("SIGTERM");
  expect(await once(shell.stdout, "data")).toEqual(["heard\n"]);
}, 20_000);
