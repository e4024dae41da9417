import { readFileSync } from "node:fs";
import { glob } from "node:fs/promises";
import { relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Who may import whom. Any other arrow between our packages fails the test. */
const allowed: Record<string, readonly string[]> = {
  "packages/envelope": [],
  "packages/log": [],
  "packages/terminal": [],
  "packages/contracts": ["envelope"],
  "packages/transport": ["envelope"],
  "packages/event-store": ["envelope", "log"],
  "packages/claims": ["envelope", "log"],
  "packages/outbox": ["claims", "envelope", "log", "transport"],
  "packages/inbox": ["claims", "envelope", "log", "transport"],
  "packages/service": ["claims", "envelope"],
  "packages/dead-letters": ["claims", "contracts", "envelope", "inbox", "log", "service", "terminal", "transport"],
  "packages/doctor": ["contracts", "event-store", "inbox", "log", "outbox", "service", "transport"],
  "services/order": [
    "contracts",
    "dead-letters",
    "doctor",
    "envelope",
    "event-store",
    "inbox",
    "log",
    "outbox",
    "service",
    "transport",
  ],
  "services/billing": [
    "contracts",
    "dead-letters",
    "doctor",
    "envelope",
    "event-store",
    "inbox",
    "log",
    "outbox",
    "service",
    "transport",
  ],
  "services/inventory": [
    "contracts",
    "dead-letters",
    "doctor",
    "event-store",
    "inbox",
    "log",
    "outbox",
    "service",
    "transport",
  ],
  "services/analytics": ["contracts", "dead-letters", "doctor", "inbox", "log", "service", "transport"],
  "services/console": ["contracts", "dead-letters", "envelope", "outbox", "service", "transport"],
  "infra/aws": [],
  "infra/local/payment-provider": [],
  "infra/local": ["payment-provider", "sns-sqs-emulator", "terminal"],
  "infra/audit": ["contracts", "local", "terminal"],
  "infra/outbox-command": ["contracts", "local", "outbox", "service", "terminal"],
  "infra/topology": ["contracts", "doctor", "local", "service", "transport"],
  demo: ["contracts", "envelope", "local", "terminal", "transport"],
};

/** What infra/local runs, and does not import. */
const started = ["payment-provider", "sns-sqs-emulator"];

/** Libraries that one folder wraps for all others. */
const wrapped: Record<string, string> = {
  kafkajs: "packages/transport",
  "@platformatic/kafka": "packages/transport",
  amqplib: "packages/transport",
  "@aws-sdk/client-sns": "packages/transport",
  "@aws-sdk/client-sqs": "packages/transport",
  "@aws-sdk/client-s3": "packages/claims",
  "@opentelemetry/sdk-node": "packages/service",
  "@opentelemetry/sdk-trace": "packages/service",
  "@opentelemetry/instrumentation-pg": "packages/service",
  pino: "packages/service",
  jose: "packages/service",
};

const nouns = ["utils", "util", "common", "shared", "helpers", "helper", "types", "base", "manager", "lib", "core"];

type Source = { readonly path: string; readonly folder: string; readonly text: string };
const sources = await readSources();

test("every import between our packages is an arrow of the table", () => {
  const others = sources.flatMap(({ path, folder, text }) =>
    importsOf(text)
      .filter((name) => name.startsWith("@throughline/"))
      .map((name) => name.split("/")[1] ?? "")
      .filter((name) => !allowed[folder]?.includes(name) && !folder.endsWith(`/${name}`))
      .map((name) => `${path} → ${name}`),
  );
  expect(others).toEqual([]);
});

test("every package has its row in the table, and its package.json lists exactly what it imports of ours", () => {
  const manifests = Object.keys(allowed).map((folder) => {
    const { dependencies = {} } = readJson<{ dependencies?: Record<string, string> }>(`${folder}/package.json`);
    const listed = Object.keys(dependencies).filter((name) => name.startsWith("@throughline/"));
    return { folder, listed: listed.map((name) => name.split("/")[1] ?? "").sort() };
  });
  for (const { folder, listed } of manifests) {
    expect({ folder, listed }).toEqual({ folder, listed: allowed[folder] });
    const own = sources.filter((source) => source.folder === folder).flatMap(({ text }) => importsOf(text));
    const imported = own.flatMap((name) => /^@throughline\/([^/]+)/.exec(name)?.[1] ?? []);
    const used = new Set([...imported, ...(folder === "infra/local" ? started : [])]);
    expect({ folder, used: [...used].sort() }).toEqual({ folder, used: listed });
  }
  const folders = new Set(sources.map((source) => source.folder));
  expect([...folders].filter((folder) => folder !== "tests" && !(folder in allowed))).toEqual([]);
});

test("what runs in production imports nothing that only tests use", () => {
  const shipped = new Set(sources.map(({ path }) => path));
  const strays = sources.flatMap(({ path, text }) =>
    importsOf(text)
      .filter((name) => name.startsWith(".") && name.endsWith(".ts"))
      .map((name) => relative(root, fileURLToPath(new URL(name, `file://${root}${path}`))))
      .filter((target) => !shipped.has(target))
      .map((target) => `${path} → ${target}`),
  );
  expect(strays).toEqual([]);
});

test("a relative import stays within its package", () => {
  const strays = sources.flatMap(({ path, folder, text }) =>
    importsOf(text)
      .filter((name) => name.startsWith("."))
      .map((name) => relative(root, fileURLToPath(new URL(name, `file://${root}${path}`))))
      .filter((target) => folderOf(target) !== folder)
      .map((target) => `${path} → ${target}`),
  );
  expect(strays).toEqual([]);
});

test("a library is imported where it is wrapped, and nowhere else", () => {
  const strays = sources
    .filter(({ folder }) => folder !== "tests" && folder !== "demo")
    .flatMap(({ path, folder, text }) =>
      importsOf(text)
        .filter((name) => wrapped[name] !== undefined && wrapped[name] !== folder)
        .map((name) => `${path} → ${name}`),
    );
  expect(strays).toEqual([]);
});

test("the environment is read by the service package, and by what starts processes", () => {
  const readers = sources
    .filter(({ text }) => /\bprocess\.env\b/.test(text))
    .map(({ folder }) => folder)
    .filter((folder) => !/^(packages\/service|infra\/|demo|tests)/.test(folder));
  expect(readers).toEqual([]);
});

test("no folder or file is named after nothing", () => {
  const names = sources.flatMap(({ path }) => path.split(sep).map((part) => part.replace(/\..*$/, "")));
  expect(names.filter((name) => nouns.includes(name))).toEqual([]);
});

test("one version of each library for the whole house, and each exact", () => {
  const versions = new Map<string, Set<string>>();
  for (const folder of [".", "tests", ...Object.keys(allowed)]) {
    const manifest = readJson<Record<string, Record<string, string> | undefined>>(`${folder}/package.json`);
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
      expect(version, `${name} in ${folder}`).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
      versions.set(name, (versions.get(name) ?? new Set()).add(version));
    }
  }
  expect([...versions].filter(([, found]) => found.size > 1).map(([name]) => name)).toEqual([]);
});

test("no source file is longer than a reader's patience", () => {
  const long = sources
    .filter(({ path }) => !path.includes("testing") && !path.endsWith(".test.ts"))
    .map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
    .filter(({ path, lines }) => lines > (path.startsWith("packages/transport") ? 250 : 200));
  expect(long).toEqual([]);
});

test("no test of the log, or of what is made of it, is longer either", async () => {
  const long: string[] = [];
  for await (const path of glob("packages/{log,outbox,inbox,event-store}/src/**/*.ts", { cwd: root })) {
    if (readFileSync(`${root}${path}`, "utf8").split("\n").length - 1 > 200) long.push(path);
  }
  expect(long).toEqual([]);
});

async function readSources(): Promise<Source[]> {
  const found: Source[] = [];
  for await (const path of glob("{packages,services,infra,demo,tests}/**/*.ts", {
    cwd: root,
    exclude: (name) => /(^|\/)(node_modules|dist)(\/|$)/.test(name),
  })) {
    const text = readFileSync(`${root}${path}`, "utf8");
    // Tests, and what only they use, may reach for whatever they put to the proof.
    if (!isForTests(path, text)) found.push({ path, folder: folderOf(path), text });
  }
  return found;
}

function isForTests(path: string, text: string): boolean {
  if (path.startsWith("tests/") || path.endsWith(".test.ts") || path.includes("/testing")) return true;
  return importsOf(text).some((name) => name === "vitest" || name === "@throughline/local/testing");
}

function folderOf(path: string): string {
  const parts = path.split(sep);
  if (parts[0] === "demo" || parts[0] === "tests") return parts[0];
  return parts[2] === "payment-provider" ? parts.slice(0, 3).join("/") : parts.slice(0, 2).join("/");
}

function importsOf(text: string): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
}

function readJson<Shape>(path: string): Shape {
  return JSON.parse(readFileSync(`${root}${path}`, "utf8")) as Shape;
}
