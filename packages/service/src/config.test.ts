import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseConfig, type ServiceDefaults } from "./config.ts";
import { settings } from "./settings.ts";

const order: ServiceDefaults = {
  service: "order",
  port: 14001,
  publishTo: ["kafka", "sns-sqs"],
  consumeFrom: ["kafka"],
};
const enough = { DATABASE_URL: "postgres://user:hunter2@127.0.0.1:14010/order", KAFKA_BROKERS: "a:9092, b:9092" };

function faults(env: NodeJS.ProcessEnv, defaults = order): string[] {
  try {
    parseConfig(defaults, env);
  } catch (error) {
    return String(error).split("\n").slice(1);
  }
  return [];
}

describe("settings", () => {
  test("have the service's defaults where the environment says nothing", () => {
    expect(parseConfig(order, enough)).toMatchObject({
      service: "order",
      port: 14001,
      namespace: "dev",
      kafka: { brokers: ["a:9092", "b:9092"], client: "kafkajs", compression: "none", ssl: false },
      snsSqs: { region: "us-east-1", visibilityTimeoutSeconds: 180 },
      publishTo: ["kafka", "sns-sqs"],
      consumeFrom: ["kafka"],
      workOn: [],
      baggageKeys: [],
    });
  });

  test("come from the environment where it says something", () => {
    const env = {
      ...enough,
      PORT: "0",
      PUBLISH_TO: "none",
      PUBLISH_FROM: "2026-11-26T10:00:00+01:00",
      CONSUME_FROM: "sns-sqs,kafka",
      BAGGAGE_KEYS: "tenant, plan",
      CRASH_AT: "relay.after_read:3",
    };
    expect(parseConfig(order, env)).toMatchObject({
      port: 0,
      publishTo: [],
      publishFrom: new Date("2026-11-26T09:00:00Z"),
      consumeFrom: ["sns-sqs", "kafka"],
      baggageKeys: ["tenant", "plan"],
      crashAt: { point: "relay.after_read", pass: 3 },
    });
  });

  test("that are empty count as absent", () => {
    expect(parseConfig(order, { ...enough, PORT: "", RABBITMQ_URL: "" })).toMatchObject({ port: 14001 });
  });

  test("are documented in .env.example, each once, with the true default", () => {
    const lines = readFileSync(new URL("../../../.env.example", import.meta.url), "utf8").split("\n");
    const documented = lines.flatMap((line) => {
      const [, comment, name = "", value = ""] = /^(# )?([A-Z][A-Z0-9_]*)=(.*)$/.exec(line) ?? [];
      return name === "" ? [] : [{ name, value, hasDefault: comment === undefined }];
    });
    expect(documented.map(({ name }) => name).sort()).toEqual(Object.keys(settings.shape).sort());

    const absent = new Map<string, unknown>(Object.entries(settings.parse({ PORT: "1" })));
    for (const { name, value, hasDefault } of documented) {
      const example = new Map<string, unknown>(Object.entries(settings.parse({ PORT: "1", [name]: value })));
      if (hasDefault) expect(absent.get(name), name).toEqual(example.get(name));
      else if (name !== "PORT") expect(absent.get(name), name).toBeUndefined();
    }
  });
});

describe("a process refuses to start", () => {
  test("naming every fault at once", () => {
    const found = faults({ PORT: "eighty", LOG_LEVEL: "loud", KAFKA_BROKER: "a:1", SHUTDOWN_GRACE_MS: "1000" });
    expect(found).toEqual([
      '  PORT: expected a whole number (a port) from 0 to 65535, but it is "eighty"',
      '  LOG_LEVEL: expected one of fatal, error, warn, info, debug, trace, silent, but it is "loud"',
      expect.stringContaining("KAFKA_BROKERS: is not set, but kafka is in PUBLISH_TO and CONSUME_FROM."),
      expect.stringContaining("DATABASE_URL: is not set."),
      expect.stringContaining("SHUTDOWN_GRACE_MS (1000), less the quarter for requests in flight, is shorter than"),
      "  KAFKA_BROKER: nothing reads this variable. Did you mean KAFKA_BROKERS?",
    ]);
  });

  test("without telling a secret", () => {
    const [fault] = faults({ ...enough, DATABASE_URL: "mysql://user:hunter2@host/order" });
    expect(fault).toContain("DATABASE_URL: expected a URL that starts with postgres:// or postgresql://");
    expect(fault).toContain("a text of 31 characters");
    expect(fault).not.toContain("hunter2");
  });

  test.each([
    [{ CONSUME_FROM: "sns-sqs", SQS_VISIBILITY_TIMEOUT_SECONDS: "60" }, /VISIBILITY.*6 × HANDLER_TIMEOUT_MS.*180/],
    [{ HANDLER_TIMEOUT_MS: "50000" }, /SHUTDOWN_GRACE_MS \(40000\), .* HANDLER_TIMEOUT_MS \(50000\).* to 66667/],
    [{ WORK_ON: "rabbitmq" }, /RABBITMQ_URL: is not set, but rabbitmq is in WORK_ON/],
    [{ KAFKA_SASL_USERNAME: "u" }, /KAFKA_SASL_MECHANISM and KAFKA_SASL_PASSWORD: not set, but KAFKA_SASL_USERNAME is/],
    [{ PUBLISH_FROM: "yesterday" }, /PUBLISH_FROM: expected beginning, now, or a time such as 2026-11-26T10:00:00Z/],
    [
      { PUBLISH_TO: "kafka,pigeon" },
      /PUBLISH_TO: expected a comma-separated list of kafka, sns-sqs, sns-sqs-fifo, rabbitmq/,
    ],
    [{ CRASH_AT: "relay.after_lunch:1" }, /CRASH_AT: expected a crash point and its pass/],
    [{ KAFKA_BROKERS: "kafka" }, /KAFKA_BROKERS: expected a comma-separated list like host:port,host:port/],
    [{ BAGGAGE_KEYS: "tenant,two words" }, /BAGGAGE_KEYS: expected .* keys of W3C Baggage.*"tenant,two words"/],
    [{ HTTP_HOST: "a b" }, /HTTP_HOST: expected a host name/],
    [{ CLAIMS_URL: enough.DATABASE_URL }, /CLAIMS_URL and DATABASE_URL are the same database/],
    [{ CLAIMS_S3_ENDPOINT: "http://s3:9000" }, /CLAIMS_S3_ENDPOINT: set, but CLAIMS_URL is not set/],
    [
      { CLAIMS_URL: "postgres://127.0.0.1/claims", CLAIMS_S3_ENDPOINT: "http://s3:9000" },
      /CLAIMS_S3_ENDPOINT: set, but CLAIMS_URL is no s3:/,
    ],
    [{ OIDC_ISSUER: "https://id.example" }, /OIDC_AUDIENCE: is not set, but OIDC_ISSUER is/],
    [{ OIDC_AUDIENCE: "throughline" }, /OIDC_AUDIENCE: is set, but OIDC_ISSUER is not/],
    [
      { OIDC_ISSUER: "https://id.example", OIDC_AUDIENCE: "throughline", DEVELOPMENT_KEY_FILE: "key.json" },
      /DEVELOPMENT_KEY_FILE: is set, but OIDC_ISSUER is as well/,
    ],
    [{ SWITCHBOARD_URL: "http://127.0.0.1:14059/secret" }, /SWITCHBOARD_URL: set, but TRY_IT is not true/],
    [{ OTLP_FORWARD_URL: "http://127.0.0.1:4318" }, /OTLP_FORWARD_URL: set, but OTLP_PORT is not/],
    [{ CLAIMS_URL: "https://bucket" }, /CLAIMS_URL: expected a URL that starts with postgres:.* or s3:/],
  ])("on %o", (env, fault) => {
    expect(faults({ ...enough, ...env })).toEqual([expect.stringMatching(fault)]);
  });

  test("where the requests in flight may take the time that a handler needs to end", () => {
    const faultsWith = (SHUTDOWN_GRACE_MS: string) =>
      faults({ ...enough, SHUTDOWN_GRACE_MS, HANDLER_TIMEOUT_MS: "20000" });
    expect(faultsWith("20000")).toEqual([
      expect.stringMatching(/SHUTDOWN_GRACE_MS \(20000\).* Raise it to 26667 or lower/),
    ]);
    expect(faultsWith("26666")).toHaveLength(1);
    expect(faultsWith("26667")).toEqual([]);
  });

  test.each([
    ["PUBLISHTO", "PUBLISH_TO"],
    ["HANDLER_TIMEOUT", "HANDLER_TIMEOUT_MS"],
    ["KAFKA_USERNAME", "KAFKA_SASL_USERNAME"],
    ["kafka_brokers", "KAFKA_BROKERS"],
    ["DATABASE_POOL", "DATABASE_POOL_SIZE"],
    ["SQS_QUEUE_PREFIX", "SQS_VISIBILITY_TIMEOUT_SECONDS"],
    ["KAFKA_SSL_ENABLED", "KAFKA_SSL"],
    ["CLAIMS_BUCKET", "CLAIMS_URL"],
  ])("on %s, and asks whether %s was meant", (name, meant) => {
    expect(faults({ ...enough, [name]: "x" })).toEqual([
      `  ${name}: nothing reads this variable. Did you mean ${meant}?`,
    ]);
  });

  test.each([
    "KAFKA_SERVICE_HOST",
    "KAFKA_BROKERS_PORT_9092_TCP",
    "TEST_KAFKA_BROKERS",
    "AWS_DEFAULT_REGION",
    "HOME",
    "KAFKA_HEAP_OPTS",
    "OTEL_NODE_ENABLED_INSTRUMENTATIONS",
  ])("but not on %s, which is somebody else's", (name) => {
    expect(faults({ ...enough, [name]: "x" })).toEqual([]);
  });

  test("in production, where it admits requests by tokens, without an issuer that can be trusted", () => {
    const production = { ...enough, NODE_ENV: "production" };
    const admitting = { ...order, access: true };
    expect(faults(production, admitting)).toEqual([
      expect.stringMatching(/OIDC_ISSUER: is not set, but NODE_ENV is production.* Set OIDC_ISSUER and OIDC_AUDIENCE/),
    ]);
    const open = { OIDC_ISSUER: "http://id.example", OIDC_AUDIENCE: "throughline" };
    expect(faults({ ...production, ...open }, admitting)).toEqual([expect.stringMatching(/OIDC_ISSUER: is http:/)]);
    expect(faults({ ...production, ...open, OIDC_ISSUER: "https://id.example" }, admitting)).toEqual([]);
    expect(faults(production)).toEqual([]);
  });

  test("but not for a database that it does not have", () => {
    expect(faults({}, { service: "console", port: 14000, database: false })).toEqual([]);
  });
});
