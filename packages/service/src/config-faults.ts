import type { z } from "zod";
import { type Road, secrets, settings } from "./settings.ts";

type Settings = z.infer<typeof settings>;

/** Values of the wrong form: what was expected, and what is there, without telling a secret. */
export function faultsOf(error: z.ZodError, values: Readonly<Record<string, unknown>>): string[] {
  return error.issues.map((issue) => {
    const name = String(issue.path[0]);
    return `${name}: expected ${issue.message}, but it is ${shapeOf(name, values[name])}`;
  });
}

/** Settings that are well-formed each and cannot be meant together. */
export function contradictions(env: Settings, { database = true }: { readonly database?: boolean }): string[] {
  const listed = (road: Road) =>
    (["PUBLISH_TO", "CONSUME_FROM", "WORK_ON"] as const).filter((name) => env[name]?.includes(road)).join(" and ");
  const sasl = [env.KAFKA_SASL_MECHANISM, env.KAFKA_SASL_USERNAME, env.KAFKA_SASL_PASSWORD];
  const takesFromSqs = [...(env.CONSUME_FROM ?? []), ...(env.WORK_ON ?? [])].includes("sns-sqs");
  const rules: [boolean, string][] = [
    [
      database && env.DATABASE_URL === undefined,
      "DATABASE_URL: is not set. Expected postgres://user:password@host:port/database",
    ],
    [
      listed("kafka") !== "" && env.KAFKA_BROKERS === undefined,
      `KAFKA_BROKERS: is not set, but ${listed("kafka")} has kafka. Set host:port,host:port or take another road`,
    ],
    [
      listed("rabbitmq") !== "" && env.RABBITMQ_URL === undefined,
      `RABBITMQ_URL: is not set, but ${listed("rabbitmq")} has rabbitmq. Set amqp://… or take another road`,
    ],
    [
      sasl.includes(undefined) && sasl.some((value) => value !== undefined),
      "KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD: set all three or none",
    ],
    [
      takesFromSqs && env.SQS_VISIBILITY_TIMEOUT_SECONDS * 1_000 < 6 * env.HANDLER_TIMEOUT_MS,
      `SQS_VISIBILITY_TIMEOUT_SECONDS (${env.SQS_VISIBILITY_TIMEOUT_SECONDS}) is shorter than 6 × HANDLER_TIMEOUT_MS ` +
        `(${env.HANDLER_TIMEOUT_MS}): SQS would hand out a message that is still being handled. Raise the first to ` +
        `${Math.ceil((6 * env.HANDLER_TIMEOUT_MS) / 1_000)} or lower the second`,
    ],
    [
      env.SHUTDOWN_GRACE_MS < env.HANDLER_TIMEOUT_MS,
      `SHUTDOWN_GRACE_MS (${env.SHUTDOWN_GRACE_MS}) is shorter than HANDLER_TIMEOUT_MS (${env.HANDLER_TIMEOUT_MS}): ` +
        "a handler could not end before the process does. Raise the first or lower the second",
    ],
  ];
  return rules.filter(([broken]) => broken).map(([, fault]) => fault);
}

/** Names that nothing reads although they look like ours; Kubernetes' own `…_SERVICE_HOST` and `…_PORT` do not count. */
export function misspellings(names: readonly string[]): string[] {
  const known = Object.keys(settings.shape);
  return names
    .filter((name) => !known.includes(name) && !/^(AWS|OTEL|TEST)_|_SERVICE_(HOST|PORT)|_PORT(_|$)/.test(name))
    .flatMap((name) => {
      const meant = known.find((candidate) => looksLike(name.toUpperCase(), candidate)) ?? familyOf(name, known);
      return meant === undefined ? [] : [`${name}: nothing reads this variable. Did you mean ${meant}?`];
    });
}

function shapeOf(name: string, value: unknown): string {
  if (typeof value !== "string") return "not set";
  return secrets.has(name) ? `a text of ${value.length} characters` : JSON.stringify(value);
}

function looksLike(name: string, known: string): boolean {
  if (!known.includes("_")) return false;
  const words = name.split("_");
  const shortened = words.length > 1 && words.every((word) => known.split("_").includes(word));
  return shortened || name.startsWith(`${known}_`) || distance(name, known) <= 2;
}

/** The first known name in a family that is wholly ours: whatever starts like that was meant for us. */
function familyOf(name: string, known: readonly string[]): string | undefined {
  const family = /^(DATABASE|HANDLER|PUBLISH|CONSUME|SHUTDOWN|SNS_SQS|SQS|KAFKA_SASL|PAYMENT_PROVIDER)_/.exec(
    name,
  )?.[0];
  return family === undefined ? undefined : known.find((candidate) => candidate.startsWith(family));
}

/** Levenshtein's: how many characters to insert, delete or replace. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, char] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      next.push(Math.min((row[j] ?? 0) + (char === other ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
