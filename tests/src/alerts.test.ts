import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse } from "yaml";

type Rules = { readonly groups: readonly { readonly rules: readonly { readonly alert: string }[] }[] };
type Tests = {
  readonly tests: readonly {
    readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts?: object[] }[];
  }[];
};

const folder = fileURLToPath(new URL("../../infra/prometheus", import.meta.url));
const grafana = fileURLToPath(new URL("../../infra/grafana", import.meta.url));
const text = (file: string) => readFileSync(`${grafana}/${file}`, "utf8");
const boards: { readonly uid: string }[] = globSync("dashboards/*.json", { cwd: grafana }).map((file) =>
  JSON.parse(text(file)),
);
const read = (file: string) => parse(readFileSync(`${folder}/${file}`, "utf8"));
/** Comes with Prometheus. */
const isMissing = spawnSync("promtool", ["--version"]).error !== undefined;

test.skipIf(isMissing && !process.env.CI)("each alert is raised by its trouble, and by nothing less", () => {
  const { status, stdout, stderr } = spawnSync("promtool", ["test", "rules", "alerts.test.yml"], {
    cwd: folder,
    encoding: "utf8",
  });
  expect({ status, said: `${stdout}${stderr}` }).toMatchObject({ status: 0, said: expect.stringContaining("SUCCESS") });
});

test("every dashboard asks sources that are provisioned, and has an address of its own", () => {
  const sources = parse(text("provisioning/datasources/throughline.yml")) as { datasources: { uid: string }[] };
  const asked = boards.flatMap((board) => fieldsOf(board, "datasource") as { uid: string }[]);
  expect(asked.length).toBeGreaterThan(0);
  const known = sources.datasources.map(({ uid }) => uid);
  expect(asked.filter(({ uid }) => !known.includes(uid))).toEqual([]);
  expect(new Set(boards.map(({ uid }) => uid)).size).toBe(4);
});

test.skipIf(isMissing && !process.env.CI)("every expression of a dashboard is one to Prometheus", async () => {
  const expressions = boards.flatMap((board) => fieldsOf(board, "expr"));
  expect(expressions.length).toBeGreaterThan(20);
  await using directory = await mkdtempDisposable(join(tmpdir(), "throughline-"));
  const file = join(directory.path, "rules.yml");
  const rules = expressions.map((expr, nth) => ({ record: `asked_${nth}`, expr }));
  await writeFile(file, JSON.stringify({ groups: [{ name: "dashboards", rules }] }));
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "rules", file], { encoding: "utf8" });
  expect({ status, said: `${stdout}${stderr}` }).toMatchObject({ status: 0 });
});

test("no alert is without a test that raises it and a line for whoever is on call", () => {
  const { groups } = read("alerts.yml") as Rules;
  const { tests } = read("alerts.test.yml") as Tests;
  const raised = tests.flatMap(({ alert_rule_test }) => alert_rule_test).filter(({ exp_alerts }) => exp_alerts);
  const alerts = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
  expect(alerts.length).toBeGreaterThan(0);
  expect([...new Set(raised.map(({ alertname }) => alertname))].sort()).toEqual(alerts.sort());
  const onCall = readFileSync(`${folder}/../../docs/on-call.md`, "utf8");
  expect(alerts.filter((alert) => !onCall.includes(`| \`${alert}\``))).toEqual([]);
});

/** What stands under that name, however deep. */
function fieldsOf(value: unknown, name: string): readonly unknown[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [...(key === name ? [inner] : []), ...fieldsOf(inner, name)]);
}
