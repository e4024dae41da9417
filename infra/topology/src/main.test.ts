import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { workTypes } from "@throughline/contracts";
import { demandOn } from "@throughline/contracts/topology";
import { testBrokers, uniqueName } from "@throughline/local/testing";
import { differencesOf, openTopology } from "@throughline/transport/topology";
import { afterAll, describe, expect, test } from "vitest";

const { kafka, rabbitmq, snsSqs } = testBrokers;
const management = managementOf(rabbitmq);
const namespaces: string[] = [];
afterAll(() => Promise.all(namespaces.map(removeFromRabbitmq)));

describe("npm run topology", () => {
  test("says what is missing, makes it, and is content from then on", async () => {
    const env = settings();
    const before = await run([], env);
    expect(before).toMatchObject({ code: 1 });
    expect(before.stdout).toMatch(/topic .*-order-created .* missing/);
    expect((await run(["--apply"], env)).code).toBe(0);
    const after = await run([], env);
    expect(after.code).toBe(0);
    expect(after.stdout).not.toMatch(/missing │|differs/);
  });

  test("names both values of what differs", async () => {
    const env = settings();
    await run(["--apply"], env);
    const changed = await run([], { ...env, HANDLER_TIMEOUT_MS: "10000", SQS_VISIBILITY_TIMEOUT_SECONDS: "60" });
    expect(changed.code).toBe(1);
    expect(changed.stdout).toContain("VisibilityTimeout is 180, declared is 60");
  });

  test("tells a program the same, on stdout alone and without colours", async () => {
    const env = settings();
    const { code, stdout } = await run(["--json"], env);
    const { isInStep, brokers } = JSON.parse(stdout);
    expect({ code, isInStep }).toEqual({ code: 1, isInStep: false });
    expect(brokers[0]).toMatchObject({ road: "sns-sqs", address: snsSqs });
    expect(brokers[0].lines[0]).toEqual({
      kind: "topic",
      name: `${env.NAMESPACE}-order-cancelled`,
      state: "missing",
      differences: [],
    });
    expect(stdout).not.toContain("\x1b");
  });

  test("looks at the others when one broker is away, says why, and exits with 2", async () => {
    const { code, stdout } = await run([], { ...settings(), KAFKA_BROKERS: "127.0.0.1:9", PUBLISH_TO: "kafka" });
    expect(code).toBe(2);
    expect(stdout).toMatch(/kafka {2}127\.0\.0\.1:9\n.*ECONNREFUSED/);
    expect(stdout).toContain("billing-dlq");
  });

  test("names an address that is not set, and settings that are wrong", async () => {
    const { SNS_SQS_ENDPOINT = "", NAMESPACE = "", PATH = "" } = settings();
    const unset = await run([], {
      PATH,
      NAMESPACE,
      SNS_SQS_ENDPOINT,
      AWS_ACCESS_KEY_ID: "a",
      AWS_SECRET_ACCESS_KEY: "a",
    });
    expect(unset).toMatchObject({ code: 2, stdout: expect.stringContaining("KAFKA_BROKERS is not set") });
    const wrong = await run([], { ...settings(), TOPOLOGY: "staging" });
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining("TOPOLOGY: expected one of development") });
    expect(await run(["--aply"], settings())).toMatchObject({ code: 2, stderr: expect.stringContaining("--apply?") });
  });

  test("in production asks for three copies", async () => {
    if (kafka === undefined) return;
    const env = settings();
    await run(["--apply"], env);
    const { code, stdout } = await run([], { ...env, TOPOLOGY: "production" });
    expect(code).toBe(1);
    expect(stdout).toContain("replicationFactor is 1, declared is 3");
    expect(stdout).toContain("min.insync.replicas is 1, declared is 2");
  });
});

test.runIf(rabbitmq)("the printed definitions are what RabbitMQ takes, and what the services declare", async () => {
  const env = settings();
  const { NAMESPACE: namespace = "" } = env;
  const { code, stdout: body } = await run(["--definitions"], env);
  expect(code).toBe(0);
  expect((await callManagement("/api/definitions", { method: "POST", body })).status).toBe(204);
  const work = { types: workTypes, priority: () => 4 };
  await using broker = await openTopology(
    "rabbitmq",
    { namespace, rabbitmqManagementUrl: management, work },
    demandOn("rabbitmq"),
  );
  const { standings } = await broker.look();
  expect(standings.filter((standing) => differencesOf(standing)?.length !== 0)).toEqual([]);
});

test("definitions are printed for the namespace of the environment, and are the written ones but for it", async () => {
  const written = readFileSync(new URL("../../rabbitmq/definitions.json", import.meta.url), "utf8");
  const printed = await run(["--definitions"], { PATH: process.env.PATH ?? "", NAMESPACE: "prod" });
  expect(printed).toMatchObject({ code: 0, stdout: written.replaceAll('"dev.', '"prod.') });
  const refused = await run(["--definitions"], { PATH: process.env.PATH ?? "", NAMESPACE: "prod.eu" });
  expect(refused).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("NAMESPACE: expected") });
});

/** The environment of a command that looks at the brokers of the tests, under a namespace of its own. */
function settings(namespace = uniqueName("t")): Record<string, string> {
  namespaces.push(namespace);
  return {
    PATH: process.env.PATH ?? "",
    NAMESPACE: namespace,
    SNS_SQS_ENDPOINT: snsSqs,
    AWS_ACCESS_KEY_ID: "any",
    AWS_SECRET_ACCESS_KEY: "any",
    ...(kafka ? { KAFKA_BROKERS: kafka } : { PUBLISH_TO: "sns-sqs", CONSUME_FROM: "sns-sqs" }),
    ...(rabbitmq ? { RABBITMQ_URL: rabbitmq, RABBITMQ_MANAGEMENT_URL: management } : { WORK_ON: "sns-sqs" }),
  };
}

async function run(args: readonly string[], env: Readonly<Record<string, string>>) {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const { promise: code, resolve } = Promise.withResolvers<number | null>();
  child.once("close", resolve);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, stdout, stderr };
}

function managementOf(url = "amqp://127.0.0.1:1"): string {
  const address = new URL(url.replace(/^amqp/, "http"));
  address.port = String(Number(address.port) + 1);
  return address.href;
}

async function callManagement(path: string, request: RequestInit): Promise<Response> {
  const { origin, username, password } = new URL(management);
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  return fetch(origin + path, { ...request, headers: { authorization, "content-type": "application/json" } });
}

async function removeFromRabbitmq(namespace: string): Promise<void> {
  if (rabbitmq === undefined) return;
  for (const queue of ["billing.work", "billing.work.dlq"])
    await callManagement(`/api/queues/%2F/${namespace}.${queue}`, { method: "DELETE" });
  for (const exchange of ["events", "work", "dead"])
    await callManagement(`/api/exchanges/%2F/${namespace}.${exchange}`, { method: "DELETE" });
}
