import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempDisposableSync, readFileSync, writeFileSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

type DryRun = { readonly tasks: readonly { readonly directory: string; readonly inputs: Record<string, string> }[] };

test("what a tool leaves behind makes no task run again", { timeout: 60_000 }, () => {
  const folder = join(root, "infra/aws/node_modules");
  mkdirSync(folder, { recursive: true });
  using leftBehind = mkdtempDisposableSync(join(folder, "left-behind-"));
  writeFileSync(join(leftBehind.path, "results.json"), "{}");

  const inputs = inputsOf("build", "check", "test");
  expect(inputs).toContain(join("packages", "log", "src", "log.ts"));
  const ignored = new Set(readFileSync(join(root, ".gitignore"), "utf8").replaceAll("/", "").split("\n"));
  expect(inputs.filter((file) => file.split(sep).some((part) => ignored.has(part)))).toEqual([]);
});

function inputsOf(...tasks: readonly string[]): string[] {
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: "1" };
  const options = { cwd: root, env, encoding: "utf8", maxBuffer: 100 * 2 ** 20 } as const;
  const dryRun = JSON.parse(execFileSync("turbo", ["run", ...tasks, "--dry=json"], options)) as DryRun;
  return dryRun.tasks.flatMap(({ directory, inputs }) => Object.keys(inputs).map((file) => join(directory, file)));
}
