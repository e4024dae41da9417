import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { checks } from "@throughline/doctor";
import { createTestDatabase, testBrokers, uniqueName } from "@throughline/local/testing";
import pg from "pg";
import { expect, test } from "vitest";

test("docs/doctor.md has a row for each check, with its sentence and what follows from it", () => {
  const page = readFileSync(new URL("../../../docs/doctor.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| `([a-z-]+)` +\| (contradiction|suspicion) +\| (.+?) +\|$/gm)];
  expect(rows.map(([, id, severity, name]) => ({ id, severity, name }))).toEqual(
    checks.map(({ id, severity, name }) => ({ id, severity, name })),
  );
});

test("npm run doctor looks at all that it can reach, says what it could not, and exits with 2", async () => {
  const { code, stdout } = await run(["--service", "billing"], { KAFKA_BROKERS: "127.0.0.1:9" });
  expect(code).toBe(2);
  expect(stdout).toMatch(/│ visibility-timeout +│ holds/);
  expect(stdout).toMatch(/│ kafka-in-step +│ unseen/);
  expect(stdout).toMatch(/not looked at {2}kafka at 127\.0\.0\.1:9: .*ECONNREFUSED/);
  expect(stdout).not.toContain("\x1b");
});

test("a contradiction is told by both settings, to people and to programs, and exits with 1", async () => {
  await using database = await createTestDatabase();
  const client = new pg.Client(database.url);
  await client.connect();
  const name = new URL(database.url).pathname.slice(1);
  await client.query(`alter database ${name} set default_transaction_isolation = 'serializable'`);
  await client.end();
  const env = { DATABASE_URL: database.url };
  const person = await run(["--service", "billing"], env);
  expect(person.code).toBe(1);
  expect(person.stdout).toMatch(/isolation \(billing\) {2}default_transaction_isolation is serializable/);
  const program = await run(["--service", "billing", "--json"], env);
  const { places } = JSON.parse(program.stdout) as {
    places: { place: string; findings: { id: string; fault?: object }[] }[];
  };
  const found = places[0]?.findings.find(({ id }) => id === "isolation");
  expect({ code: program.code, ...found?.fault }).toMatchObject({
    code: 1,
    settings: ["default_transaction_isolation", "the logs"],
  });
});

test("wrong arguments and settings exit with 2", async () => {
  expect(await run(["--service", "shipping"], {})).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("billing"),
  });
  const wrong = await run([], { HANDLER_TIMEOUT_MS: "soon" });
  expect(wrong).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("HANDLER_TIMEOUT_MS: expected a whole number"),
  });
});

async function run(args: readonly string[], changed: Readonly<Record<string, string>>) {
  const env = {
    PATH: process.env.PATH ?? "",
    NAMESPACE: uniqueName("t"),
    DATABASE_URL: testBrokers.postgres,
    SNS_SQS_ENDPOINT: testBrokers.snsSqs,
    AWS_ACCESS_KEY_ID: "any",
    AWS_SECRET_ACCESS_KEY: "any",
    PUBLISH_TO: changed.KAFKA_BROKERS ? "kafka,sns-sqs" : "sns-sqs",
    CONSUME_FROM: "sns-sqs",
    WORK_ON: "sns-sqs",
    ...changed,
  };
  const main = fileURLToPath(new URL("doctor.ts", import.meta.url));
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const { promise: code, resolve } = Promise.withResolvers<number | null>();
  child.once("close", resolve);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, stdout, stderr };
}
