import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";

test("Ctrl-C is heard, its echo through npm is not, and a second one ends the process", async () => {
  const child = start();
  const lines = createInterface({ input: child.stdout });
  await once(lines, "line");
  child.kill("SIGINT");
  child.kill("SIGINT");
  expect(await once(lines, "line")).toEqual(["heard"]);
  expect(await once(lines, "line")).toEqual(["later"]);
  child.kill("SIGINT");
  expect(await once(child, "exit")).toEqual([130, null]);
});

/** Says when it listens, when it has heard, and when a second signal is no echo any more. */
function start() {
  const url = new URL("./index.ts", import.meta.url).href;
  const code = `
    import { listenForInterruption } from ${JSON.stringify(url)};
    const interrupted = listenForInterruption();
    interrupted.addEventListener("abort", () => {
      console.log("heard");
      setTimeout(() => console.log("later"), 600);
    });
    setInterval(() => {}, 1_000);
    console.log("listening");`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}
