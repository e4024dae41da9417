import { areBaggageKeys } from "@throughline/envelope";
import { z } from "zod";

/** The ways a message can take. */
export type Road = (typeof roads)[number];

const roads = ["kafka", "sns-sqs", "sns-sqs-fifo", "rabbitmq"] as const;
const levels = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
const mechanisms = ["plain", "scram-sha-256", "scram-sha-512"] as const;
const crashPoints = [
  "outbox.after_enqueue",
  "relay.after_read",
  "relay.after_publish",
  "inbox.before_handle",
  "inbox.after_handle",
  "inbox.after_commit",
  "dead_letters.before_bury",
  "dead_letters.after_bury",
] as const;

/** Faults in these name the length of the value, never the value. */
export const secrets: ReadonlySet<string> = new Set([
  "DATABASE_URL",
  "SERVICE_DATABASES",
  "SWITCHBOARD_URL",
  "CLAIMS_URL",
  "RABBITMQ_URL",
  "RABBITMQ_MANAGEMENT_URL",
  "KAFKA_SASL_PASSWORD",
  "DEAD_LETTER_WEBHOOK_URL",
]);

/**
 * Every environment variable of every service, one schema for all. An error message completes the sentence
 * "expected …". `.env.example` documents each; a test holds the two together.
 */
export const settings = z.object({
  NAMESPACE: text("lower-case letters, digits and -, at most 20, such as dev", /^[a-z][a-z0-9-]{0,19}$/).prefault(
    "dev",
  ),
  TOPOLOGY: oneOf(["development", "production"]).prefault("development"),
  HTTP_HOST: text("a host name or an address to listen on", /^[A-Za-z0-9.:_-]+$/).prefault("127.0.0.1"),
  PORT: wholeNumber("a port", 0, 65_535),
  OTLP_PORT: wholeNumber("a port", 0, 65_535).optional(),
  OTLP_FORWARD_URL: url("http", "https").optional(),
  SHUTDOWN_GRACE_MS: wholeNumber("milliseconds", 100, 3_600_000).prefault("40000"),
  LOG_LEVEL: oneOf(levels).prefault("info"),
  BAGGAGE_KEYS: baggageKeys().optional(),
  CRASH_AT: crashPoint().optional(),
  NODE_ENV: text("a text", /./).optional(),

  OIDC_ISSUER: url("http", "https").optional(),
  OIDC_AUDIENCE: text("a text such as throughline", /^\S+$/).optional(),
  OIDC_JWKS_URL: url("http", "https").optional(),
  DEVELOPMENT_KEY_FILE: text("the path of a file", /./).optional(),

  DATABASE_URL: url("postgres", "postgresql").optional(),
  DATABASE_POOL_SIZE: wholeNumber("connections", 1, 1_000).prefault("20"),
  CLAIMS_URL: url("postgres", "postgresql", "s3").optional(),
  CLAIMS_S3_ENDPOINT: url("http", "https").optional(),

  KAFKA_BROKERS: list("host:port,host:port", /^[A-Za-z0-9.:_[\]-]+:[0-9]{1,5}$/).optional(),
  KAFKA_CLIENT: oneOf(["kafkajs", "platformatic"]).prefault("kafkajs"),
  KAFKA_COMPRESSION: oneOf(["none", "gzip", "zstd"]).prefault("none"),
  KAFKA_SSL: oneOf(["true", "false"]).prefault("false"),
  KAFKA_SASL_MECHANISM: oneOf(mechanisms).optional(),
  KAFKA_SASL_USERNAME: text("a user name", /./).optional(),
  KAFKA_SASL_PASSWORD: text("a password", /./).optional(),
  RABBITMQ_URL: url("amqp", "amqps").optional(),
  RABBITMQ_MANAGEMENT_URL: url("http", "https").optional(),
  SNS_SQS_ENDPOINT: url("http", "https").optional(),
  AWS_REGION: text("a region such as us-east-1", /^[a-z]{2}[a-z-]*-[0-9]$/).prefault("us-east-1"),
  SQS_VISIBILITY_TIMEOUT_SECONDS: wholeNumber("seconds", 1, 43_200).prefault("180"),

  PUBLISH_TO: roadList().optional(),
  PUBLISH_FROM: beginning().prefault("beginning"),
  CONSUME_FROM: roadList().optional(),
  WORK_ON: roadList().optional(),
  HANDLER_TIMEOUT_MS: wholeNumber("milliseconds", 1, 3_600_000).prefault("30000"),
  HANDLER_CONCURRENCY: wholeNumber("messages", 1, 1_000).prefault("10"),
  PARK_TYPES: typeList().optional(),
  LINK_TYPES: typeList().optional(),
  DEAD_LETTER_WEBHOOK_URL: url("http", "https").optional(),
  DEAD_LETTER_QUIET_MS: wholeNumber("milliseconds", 1, 86_400_000).prefault("900000"),

  PAYMENT_PROVIDER_URL: url("http", "https").prefault("http://127.0.0.1:14009"),
  ORDER_TIMEOUT_MS: wholeNumber("milliseconds", 1, 31_536_000_000).prefault("900000"),
  SERVICES: addresses("order=http://127.0.0.1:14001,…", /^[a-z][a-z-]*=https?:\/\/\S+$/).prefault(
    "order=http://127.0.0.1:14001,billing=http://127.0.0.1:14002,inventory=http://127.0.0.1:14003,analytics=http://127.0.0.1:14004",
  ),
  SERVICE_DATABASES: addresses(
    "order=postgres://user:password@host:port/database,…",
    /^[a-z][a-z-]*=postgres(ql)?:\/\/\S+$/,
  ).optional(),
  TRY_IT: oneOf(["true", "false"]).prefault("false"),
  SWITCHBOARD_URL: url("http").optional(),

  OTEL_EXPORTER_OTLP_ENDPOINT: url("http", "https").optional(),
  OTEL_SERVICE_NAME: text("a service name such as order", /./).optional(),
  OTEL_METRICS_EXPORTER: oneOf(["otlp", "none"]).optional(),
  OTEL_NODE_ENABLED_INSTRUMENTATIONS: text("a text such as pg", /./).optional(),
  OTEL_TRACES_SAMPLER_ARG: text("a share from 0 to 1", /^(0(\.[0-9]+)?|1(\.0+)?)$/).optional(),
});

function text(expected: string, pattern: RegExp) {
  return z.string({ error: expected }).regex(pattern, { error: expected });
}

function wholeNumber(unit: string, min: number, max: number) {
  const error = `a whole number (${unit}) from ${min} to ${max}`;
  const fits = (digits: string) => /^[0-9]+$/.test(digits) && Number(digits) >= min && Number(digits) <= max;
  return z.string({ error }).refine(fits, { error }).transform(Number);
}

function oneOf<const Names extends readonly string[]>(names: Names) {
  return z.enum(names, { error: `one of ${names.join(", ")}` });
}

function url(...schemes: string[]) {
  const error = `a URL that starts with ${schemes.map((scheme) => `${scheme}://`).join(" or ")}`;
  const fits = (value: string) => URL.canParse(value) && schemes.includes(new URL(value).protocol.slice(0, -1));
  return z.string({ error }).refine(fits, { error });
}

function list(form: string, item: RegExp) {
  const error = `a comma-separated list like ${form}`;
  return z
    .string({ error })
    .transform((value) => value.split(",").map((part) => part.trim()))
    .refine((parts) => parts.every((part) => item.test(part)), { error });
}

function baggageKeys() {
  const error =
    "a comma-separated list like tenant,plan, of at most 16 keys of W3C Baggage, each a token of up to 64 characters";
  return z
    .string({ error })
    .transform((value) => value.split(",").map((part) => part.trim()))
    .refine(areBaggageKeys, { error });
}

function typeList() {
  return list("order.created,order.cancelled", /^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+$/);
}

function roadList() {
  const error = `a comma-separated list of ${roads.join(", ")}, or none`;
  return z
    .string({ error })
    .transform((value) => (value === "none" ? [] : value.split(",").map((part) => part.trim())))
    .pipe(z.array(z.enum(roads, { error }), { error }));
}

function beginning() {
  const error = "beginning, now, or a time such as 2026-11-26T10:00:00Z";
  const time = z.iso.datetime({ offset: true, error }).transform((text) => new Date(text));
  return z.union([z.enum(["beginning", "now"], { error }), time], { error });
}

function addresses(form: string, item: RegExp) {
  return list(form, item).transform((parts) =>
    parts.map((part) => ({ name: part.slice(0, part.indexOf("=")), url: part.slice(part.indexOf("=") + 1) })),
  );
}

function crashPoint() {
  const error = `a crash point and its pass, such as relay.after_publish:7; the points are ${crashPoints.join(", ")}`;
  return z
    .string({ error })
    .transform((value) => value.split(":"))
    .pipe(z.tuple([z.enum(crashPoints, { error }), z.string().regex(/^[1-9][0-9]{0,8}$/, { error })], { error }))
    .transform(([point, pass]) => ({ point, pass: Number(pass) }));
}
