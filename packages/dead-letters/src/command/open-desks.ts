import { basename } from "node:path";
import { roadSettings, roadsOf, topology } from "@throughline/contracts/topology";
import { type Config, openClaims, parseConfig } from "@throughline/service";
import { reasonOf } from "@throughline/terminal";
import type { Desk } from "../desk.ts";
import { openDesk } from "../open-desk.ts";

/** The services with their databases and brokers, however many answer. */
export type Desks = AsyncDisposable & {
  readonly desks: readonly Desk[];
  /** Those that do not, and why. */
  readonly unavailable: readonly { readonly service: string; readonly reason: string }[];
};

const services = [...new Set(topology.groups.map(({ service }) => service))];

/**
 * Where DATABASE_URL is set, the one service with that environment, in whose folder this runs; else all services of the
 * stack that `npm start` and `docker compose up` open on their documented ports.
 */
export async function openDesks(only?: string): Promise<Desks> {
  const here = parseConfig({ service: "dead-letters", port: 0, database: false });
  const isOneService = here.databaseUrl !== "";
  const names = isOneService ? [only ?? basename(process.cwd())] : services.filter((name) => name === (only ?? name));
  const unknown = names.find((name) => !services.includes(name)) ?? (names.length === 0 ? only : undefined);
  if (unknown !== undefined) {
    throw new Error(`There is no service ${unknown}: run this in its folder, or say --service ${services.join("|")}`);
  }
  await using opening = new AsyncDisposableStack();
  const configFor = (service: string) => ({
    ...(isOneService ? configOf(service) : configOf(service, localStack(service, here.namespace))),
    ...{ logLevel: "silent", databasePoolSize: 3 },
  });
  const desks = names.map(async (service) => {
    const config = configFor(service);
    return opening.use(await openDesk(config, roadSettings(isOneService ? config : withAnyCredentials(config))));
  });
  // All services have one place for big bodies.
  const claims = (async () => opening.use(await openClaims(configFor(names[0] ?? ""))))();
  const [outcomes, [bodies]] = await Promise.all([Promise.allSettled(desks), Promise.allSettled([claims])]);
  const opened = opening.move();
  return {
    desks: outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : [])),
    unavailable: [...outcomes, bodies].flatMap((outcome, index) =>
      outcome.status === "rejected" ? [{ service: names[index] ?? "claims", reason: reasonOf(outcome.reason) }] : [],
    ),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function configOf(service: string, env?: Record<string, string>): Config {
  return parseConfig({ service, port: 0, ...roadsOf(service) }, env);
}

/** The documented addresses on this machine. */
function localStack(service: string, namespace: string): Record<string, string> {
  const login = "throughline:throughline";
  return {
    NAMESPACE: namespace,
    DATABASE_URL: `postgres://${login}@127.0.0.1:14010/throughline_${service}`,
    CLAIMS_URL: `postgres://${login}@127.0.0.1:14010/throughline_claims`,
    KAFKA_BROKERS: "127.0.0.1:14020",
    RABBITMQ_URL: `amqp://${login}@127.0.0.1:14030`,
    SNS_SQS_ENDPOINT: "http://127.0.0.1:14040",
  };
}

/** An emulator takes any, and this process has none. */
function withAnyCredentials(config: Config): Config {
  const snsSqs = { ...config.snsSqs, credentials: { accessKeyId: "local", secretAccessKey: "local" } };
  return { ...config, snsSqs };
}
