import type { z } from "zod";
import { accessFaults } from "./access-settings.ts";
import type { Config } from "./config.ts";
import { settingChecks, toSentence } from "./setting-checks.ts";
import { secrets, settings } from "./settings.ts";

type Settings = z.infer<typeof settings>;

export type Contradiction = { readonly names: readonly string[]; readonly fault: string };

/** Values of the wrong form, by name: what was expected, and what is there, without telling a secret. */
export function faultsOf(
  error: z.ZodError | undefined,
  values: Readonly<Record<string, unknown>>,
): Map<string, string> {
  const issues = error?.issues ?? [];
  return new Map(
    issues.map(({ path, message }) => {
      const name = String(path[0]);
      return [name, `${name}: expected ${message}, but it is ${shapeOf(name, values[name])}`];
    }),
  );
}

/** Settings that are well-formed each and cannot be meant together. */
export function contradictions(
  env: Settings,
  config: Config,
  { database = true, access = false }: { readonly database?: boolean; readonly access?: boolean },
): Contradiction[] {
  const missingDatabase = database && env.DATABASE_URL === undefined ? [noDatabase] : [];
  const contrary = settingChecks.flatMap(({ check }) => check(config) ?? []);
  const told = contrary.map((fault) => ({ names: fault.settings, fault: toSentence(fault) }));
  return [
    ...missingAddresses(env),
    ...halfCredentials(env),
    ...strayEndpoint(env),
    ...straySwitchboard(env),
    ...strayForward(env),
    ...accessFaults(env, access),
    ...missingDatabase,
    ...told,
  ];
}

const noDatabase: Contradiction = {
  names: ["DATABASE_URL"],
  fault: "DATABASE_URL: is not set. Expected postgres://user:password@host:port/database",
};

function missingAddresses(env: Settings): Contradiction[] {
  const needed = [
    { road: "kafka", name: "KAFKA_BROKERS", form: "host:port,host:port" },
    { road: "rabbitmq", name: "RABBITMQ_URL", form: "amqp://user:password@host:port" },
  ] as const;
  return needed.flatMap(({ road, name, form }) => {
    const listed = (["PUBLISH_TO", "CONSUME_FROM", "WORK_ON"] as const).filter((list) => env[list]?.includes(road));
    if (listed.length === 0 || env[name] !== undefined) return [];
    const fault = `${name}: is not set, but ${road} is in ${listed.join(" and ")}. Set ${form} or take another road`;
    return [{ names: [name, ...listed], fault }];
  });
}

function halfCredentials(env: Settings): Contradiction[] {
  const names = ["KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"] as const;
  const missing = names.filter((name) => env[name] === undefined);
  if (missing.length === 0 || missing.length === names.length) return [];
  const fault = `${missing.join(" and ")}: not set, but ${names.filter((name) => !missing.includes(name)).join(" and ")} is. Set all three or none`;
  return [{ names, fault }];
}

function strayEndpoint({ CLAIMS_URL: url, CLAIMS_S3_ENDPOINT: endpoint }: Settings): Contradiction[] {
  if (endpoint === undefined || url?.startsWith("s3:")) return [];
  const isWhat = url === undefined ? "is not set" : "is no s3:// address";
  const fault = `CLAIMS_S3_ENDPOINT: set, but CLAIMS_URL ${isWhat}. Set CLAIMS_URL to s3://bucket or unset this one`;
  return [{ names: ["CLAIMS_URL", "CLAIMS_S3_ENDPOINT"], fault }];
}

function straySwitchboard({ TRY_IT: mayTry, SWITCHBOARD_URL: url }: Settings): Contradiction[] {
  if (url === undefined || mayTry === "true") return [];
  const fault = "SWITCHBOARD_URL: set, but TRY_IT is not true. Set TRY_IT=true or unset this one";
  return [{ names: ["SWITCHBOARD_URL", "TRY_IT"], fault }];
}

function strayForward({ OTLP_PORT: port, OTLP_FORWARD_URL: url }: Settings): Contradiction[] {
  if (url === undefined || port !== undefined) return [];
  const fault = "OTLP_FORWARD_URL: set, but OTLP_PORT is not. Set OTLP_PORT=14050 or unset this one";
  return [{ names: ["OTLP_FORWARD_URL", "OTLP_PORT"], fault }];
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
  const isNear = Math.abs(name.length - known.length) <= 2 && distance(name, known) <= 2;
  return shortened || name.startsWith(`${known}_`) || isNear;
}

/** The first known name in a family that is wholly ours: whatever starts like that was meant for us. */
function familyOf(name: string, known: readonly string[]): string | undefined {
  const family =
    /^(DATABASE|HANDLER|PUBLISH|CONSUME|SHUTDOWN|SNS_SQS|SQS|KAFKA_SASL|PAYMENT_PROVIDER|DEAD_LETTER|PARK|LINK|CLAIMS)_/.exec(
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
