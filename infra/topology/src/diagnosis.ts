import { roadsOf, topology } from "@throughline/contracts/topology";
import {
  examine,
  type Finding,
  type Inbox,
  type Part,
  readBroker,
  readDatabase,
  readMessages,
  type Scene,
} from "@throughline/doctor";
import type { Surroundings } from "@throughline/local/surroundings";
import { type Config, openDatabase, parseConfig } from "@throughline/service";
import { type Needed, neededBrokers } from "./brokers.ts";
import { sentenceOf } from "./sentence.ts";

/** What was found at one place: a service with its database, or the brokers that all share. */
export type Diagnosis = { readonly place: string; readonly findings: readonly Finding[] };

export type Diagnoses = {
  readonly places: readonly Diagnosis[];
  /** Why something could not be looked at, a sentence for each. */
  readonly unreached: readonly string[];
};

export const services: readonly string[] = [...new Set(topology.groups.map(({ service }) => service))].sort();

/** Looks at everything that the settings name. Rejects where these are wrong; what does not answer is told. */
export async function diagnose(surroundings: Surroundings, only: readonly string[]): Promise<Diagnoses> {
  const unreached: string[] = [];
  const configs = only.map((service) => configFor(service, surroundings, only));
  const databases = await Promise.all(configs.map((config) => readOf(config, unreached)));
  const places = configs.map((config, index) => diagnoseService(config, databases[index]));
  const [config] = configs;
  const areAll = only.length === services.length;
  const messages = areAll ? await readMessagesOf(configs, unreached) : undefined;
  const brokers = await diagnoseBrokers(neededBrokers(surroundings.env), unreached, {
    ...{ config, messages },
    database: databases.toSorted((one, other) => daysOf(one) - daysOf(other))[0],
  });
  return { places: [...places, brokers], unreached };
}

function configFor(service: string, { env, databaseOf }: Surroundings, only: readonly string[]): Config {
  const url = databaseOf?.(service) ?? (only.length === 1 ? env.DATABASE_URL : undefined);
  const defaults = { service, port: 0, database: false, ...roadsOf(service) };
  return parseConfig(defaults, { ...env, DATABASE_URL: url });
}

function diagnoseService(config: Config, database: Scene["database"]): Diagnosis {
  const findings = examine({ config, ...(database && { database }) });
  return { place: config.service, findings: findings.filter(({ check }) => !isOfBroker(check.needs)) };
}

async function readOf(config: Config, unreached: string[]): Promise<Scene["database"]> {
  if (config.databaseUrl === "") {
    unreached.push(`The database of ${config.service}: DATABASE_URL is that of one service, to be named by --service`);
    return undefined;
  }
  try {
    await using database = await openDatabase(config);
    return await readDatabase(database);
  } catch (error) {
    unreached.push(`The database of ${config.service}: ${sentenceOf(error)}`);
    return undefined;
  }
}

/** Of the inbox; one that is not there forgets nothing. */
function daysOf(database: Scene["database"]): number {
  return database?.inboxDays ?? Number.MAX_SAFE_INTEGER;
}

/** The database is that whose inbox forgets first. */
type Common = {
  readonly config: Config | undefined;
  readonly messages: Scene["messages"];
  readonly database: Scene["database"];
};

/** The settings that these checks look at are the same for all services. */
async function diagnoseBrokers(
  needed: readonly Needed[],
  unreached: string[],
  { config, messages, database }: Common,
): Promise<Diagnosis> {
  const parts = await Promise.all(needed.map((one) => readOne(one, unreached)));
  const scene = config && {
    config,
    ...parts.reduce(together, {}),
    ...(messages && { messages }),
    ...(database && { database }),
  };
  const wanted = new Set<Part>([...needed.map(({ road }) => partOf(road)), "messages"]);
  const findings = scene === undefined ? [] : examine(scene);
  return { place: "brokers", findings: findings.filter(({ check }) => wanted.has(check.needs)) };
}

/** What the services have told each other; a question to all of their databases. */
async function readMessagesOf(configs: readonly Config[], unreached: string[]): Promise<Scene["messages"]> {
  try {
    await using opened = new AsyncDisposableStack();
    const inboxes: Inbox[] = [];
    for (const config of configs) {
      const groups = topology.groups.filter(({ service }) => service === config.service).map(({ group }) => group);
      inboxes.push({ pool: opened.use(await openDatabase(config)).pool, groups });
    }
    return await readMessages(inboxes);
  } catch (error) {
    unreached.push(`The messages of the services: ${sentenceOf(error)}`);
    return undefined;
  }
}

async function readOne({ road, address, settings, demand }: Needed, unreached: string[]): Promise<Partial<Scene>> {
  const unknown = "unknown: ";
  try {
    if (address.startsWith(unknown)) throw new Error(address.slice(unknown.length));
    return { [partOf(road)]: await readBroker(road, settings, demand) };
  } catch (error) {
    unreached.push(`${road} at ${address}: ${sentenceOf(error)}`);
    return {};
  }
}

/** The standard road and the one in order are two looks at one broker. */
function together(one: Partial<Scene>, other: Partial<Scene>): Partial<Scene> {
  if (!one.snsSqs || !other.snsSqs) return { ...one, ...other };
  const found = new Map([...one.snsSqs.found, ...other.snsSqs.found]);
  return { ...one, snsSqs: { ...one.snsSqs, found, outOfStep: [...one.snsSqs.outOfStep, ...other.snsSqs.outOfStep] } };
}

function partOf(road: Needed["road"]): Part {
  return road === "kafka" || road === "rabbitmq" ? road : "snsSqs";
}

function isOfBroker(part: Part): boolean {
  return part !== "settings" && part !== "database";
}
