import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { roadSettings, roadsOf, topology } from "@throughline/contracts/topology";
import type { Reaction } from "@throughline/inbox";
import type { Database } from "@throughline/log";
import { type Config, openClaims, openDatabase, parseConfig } from "@throughline/service";
import { reasonOf } from "@throughline/terminal";
import { openRoad, type Publisher, type Road, type Transport } from "@throughline/transport";
import type { Desk } from "../desk.ts";

/** The services with their databases and brokers, however many answer. */
export type Desks = AsyncDisposable & {
  readonly desks: readonly Desk[];
  /** Those that do not, and why. */
  readonly unavailable: readonly { readonly service: string; readonly reason: string }[];
};

const root = fileURLToPath(new URL("../../../..", import.meta.url));
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
  const desks = names.map(async (service) => openDesk(configFor(service), isOneService, opening));
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

async function openDesk(config: Config, isOneService: boolean, opening: AsyncDisposableStack): Promise<Desk> {
  const { service } = config;
  const database = opening.use(await openDatabase(config)).handle;
  const settings = roadSettings(isOneService ? config : withAnyCredentials(config));
  const transports = new Map<string, Promise<Transport>>();
  const publishers = new Map<string, Promise<Publisher>>();
  const road = (name: string) => kept(transports, name, () => openRoad(name as Road, settings));
  return {
    service,
    database,
    road,
    publisher: (name) => kept(publishers, name, async () => opening.use(await (await road(name)).connectPublisher())),
    reactionsOf: (group) => loadReactions(service, group, database),
  };
}

/** An emulator takes any, and this process has none. */
function withAnyCredentials(config: Config): Config {
  const snsSqs = { ...config.snsSqs, credentials: { accessKeyId: "local", secretAccessKey: "local" } };
  return { ...config, snsSqs };
}

/** A service's `messages.ts` lists all that it does about messages; its work asks third parties, which nobody does here. */
async function loadReactions(service: string, group: string, database: Database): Promise<readonly Reaction[]> {
  const places = ["dist/messages.js", "src/messages.ts"].map((file) => join(root, "services", service, file));
  const place = places.find((file) => existsSync(file) && file.endsWith(import.meta.filename.slice(-3)));
  if (place === undefined) throw new Error(`What ${service} does about messages is not on this machine`);
  const messages: Messages = await import(pathToFileURL(place).href);
  return group === service ? messages.reactions : (messages.workReactions?.(database, undefined) ?? []);
}

type Messages = {
  readonly reactions: readonly Reaction[];
  readonly workReactions?: (database: Database, provider: undefined) => readonly Reaction[];
};

async function kept<Value>(all: Map<string, Promise<Value>>, name: string, open: () => Promise<Value>): Promise<Value> {
  const known = all.get(name) ?? open();
  all.set(name, known);
  try {
    return await known;
  } catch (error) {
    all.delete(name);
    throw error;
  }
}
