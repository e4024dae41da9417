import { execFileSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string) => readFileSync(join(root, path), "utf8");
const documents = globSync("{*.md,{docs,packages,services,infra,demo,bench,tests}/**/*.md}", {
  cwd: root,
  exclude: (path) => path.includes("node_modules"),
});
const { scripts } = JSON.parse(read("package.json")) as { readonly scripts: Readonly<Record<string, string>> };

test("every npm command that a page names is there", () => {
  const npmsOwn = ["ci", "install"];
  const named = documents.flatMap((page) =>
    [...read(page).matchAll(/(?:^|`|&& )npm (?:run )?([a-z][a-z-]*)/gm)].map(([, script = ""]) => ({ page, script })),
  );
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter(({ script }) => !(script in scripts) && !npmsOwn.includes(script))).toEqual([]);
});

test("the root README names every command but those that only developers of the template use", () => {
  const unnamed = Object.keys(scripts).filter(
    (script) => !new RegExp(`npm (run )?${script}\\b`).test(read("README.md")),
  );
  expect(unnamed).toEqual(["format"]);
});

test("every script of the root runs a file or a program that is there", () => {
  const files = Object.values(scripts).flatMap((script) =>
    [...script.matchAll(/\bnode (\S+)/g)].map(([, file = ""]) => file),
  );
  expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  const programs = Object.values(scripts).flatMap((script) =>
    [...script.matchAll(/\b(biome|turbo) /g)].map(([, name = ""]) => name),
  );
  expect(programs.filter((name) => !existsSync(join(root, "node_modules/.bin", name)))).toEqual([]);
});

test("every option of the demo that the README names is one", () => {
  const row = /\| `npm run demo` +\|(.*)/.exec(read("README.md"))?.[1] ?? "";
  const options = [...row.matchAll(/`(--[a-z]+)/g)].map(([, option]) => option);
  expect(options.length).toBeGreaterThan(2);
  const help = execFileSync(process.execPath, [join(root, "demo/src/main.ts"), "--help"], { encoding: "utf8" });
  for (const option of options) expect(help).toContain(option);
});

test("every link to something of ours leads there", () => {
  const links = documents.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map(([, link = ""]) => ({ page, link })),
  );
  expect(links.length).toBeGreaterThan(30);
  expect(links.filter(({ page, link }) => !existsSync(join(root, dirname(page), link)))).toEqual([]);
});

test("every leaf of the decision tree names a test that is in the file it links to", () => {
  const page = read("docs/messaging.md");
  const leaves = [...page.matchAll(/ \((\d)\)$/gm)].map(([, number]) => number);
  const rows = [...page.matchAll(/^\| (\d) +\|.*\| "([^"]+)" in \[.*\]\((.*\.test\.ts)\) +\|$/gm)];
  expect(leaves.length).toBeGreaterThan(5);
  expect(rows.map(([, number]) => number)).toEqual(leaves);
  for (const [, , name = "", file = ""] of rows) expect(read(join("docs", file)), file).toContain(`("${name}"`);
});

test.each(globSync("packages/*", { cwd: root }))(
  "%s says what it is on one screen, and each line that it shows is in a test that it names",
  (folder) => {
    const page = read(`${folder}/README.md`);
    expect(page.trimEnd().split("\n").length).toBeLessThanOrEqual(40);
    const examples = [...page.matchAll(/src\/[\w/-]+\.test\.ts/g)].map(([file]) => file);
    expect(examples).not.toEqual([]);
    expect(examples.filter((file) => !existsSync(join(root, folder, file)))).toEqual([]);
    const [, shown = ""] = /```ts\n(.*?)```/s.exec(page) ?? [];
    const run = withoutLayout(examples.map((file) => read(`${folder}/${file}`)).join("\n"));
    expect(shown.split("\n").filter((line) => !run.includes(withoutLayout(line)))).toEqual([]);
  },
);

test.each(globSync("services/*", { cwd: root }))("%s says what it is on one screen", (folder) => {
  expect(read(`${folder}/README.md`).trimEnd().split("\n").length).toBeLessThanOrEqual(40);
});

/** Neither comments nor how the formatter breaks lines. */
function withoutLayout(code: string): string {
  return code
    .replaceAll(/(?<!\S)\/\/ .*$/gm, "")
    .replaceAll(/\s/g, "")
    .replaceAll(/,(?=[)\]}])/g, "")
    .replace(/[,;]$/, "");
}
