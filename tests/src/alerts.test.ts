import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
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
