import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import type { BrokerAddresses } from "./brokers.ts";
import { type Supervised, supervise } from "./supervise.ts";

/** Every process of ours, in the order of the ports: to add a service, add its line. */
const processes = {
  console: { folder: "services/console", offset: 0 },
  order: { folder: "services/order", offset: 1, database: "throughline_order" },
  billing: { folder: "services/billing", offset: 2, database: "throughline_billing" },
  inventory: { folder: "services/inventory", offset: 3, database: "throughline_inventory" },
  analytics: { folder: "services/analytics", offset: 4, database: "throughline_analytics" },
  "payment-provider": { folder: "infra/local/payment-provider", offset: 9 },
} as const satisfies Record<string, Process>;

type Process = { readonly folder: string; readonly offset: number; readonly database?: string };

export type ServiceName = keyof typeof processes;

/** The others still ask these for something while they end. */
const endLast: readonly ServiceName[] = ["console", "payment-provider"];

export type ServicesOptions = {
  readonly brokers: BrokerAddresses;
  /** In front of every name on the brokers. */
  readonly namespace: string;
  /** The console listens here, the others above it, as documented. */
  readonly basePort: number;
  /** Holds a folder for each process, with its pid and output, and the payment provider's ledger. */
  readonly dataDir: string;
  /** Told, in a sentence, what a person should know. */
  readonly log: (sentence: string) => void;
  /** In front of the databases' names, so that several sets may share a server. Default: none. */
  readonly databasePrefix?: string;
  /** Settings for all services. Default: none. */
  readonly env?: Readonly<Record<string, string>>;
  /** Settings for one service, above those for all. CRASH_AT is forgotten when the process comes back. */
  readonly envOf?: { readonly [name in ServiceName]?: Readonly<Record<string, string>> };
  /** Default: all. */
  readonly only?: readonly ServiceName[];
  /** Whether a process that dies is started again. Default: true. */
  readonly restarts?: boolean;
};

export type Services = {
  readonly url: { readonly [name in ServiceName]: string };
  /** Of the services that have one. */
  readonly databaseUrl: { readonly [name in ServiceName]?: string };
  readonly process: { readonly [name in ServiceName]?: Supervised };
} & AsyncDisposable;

const root = fileURLToPath(new URL("../../..", import.meta.url));
const names = Object.keys(processes) as ServiceName[];

/** Starts the services and the payment provider as processes; resolves once all of them are ready. */
export async function startServices(options: ServicesOptions): Promise<Services> {
  const { basePort, dataDir, log, only = names, restarts = true } = options;
  const url = mapNames((name) => `http://127.0.0.1:${basePort + processes[name].offset}`);
  const { databaseUrl, claimsUrl } = await createDatabases(options);

  const started = await Promise.allSettled(
    only.map(async (name) => {
      const common = { ...commonEnv(options, url), CLAIMS_URL: claimsUrl };
      const env: Record<string, string> = { ...common, ...envFor(name), ...options.env, ...options.envOf?.[name] };
      const ports = [env.PORT, env.OTLP_PORT].filter((port) => port).map(Number);
      const program = { name, command: process.execPath, args: argsFor(name), env, ports };
      const place = { dataDir: join(dataDir, name), log };
      return [name, await supervise(program, place, { url: url[name], restarts })] as const;
    }),
  );
  const running = started.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  const stop = async () => {
    for (const isLast of [false, true]) {
      const ending = running.filter(([name]) => endLast.includes(name) === isLast);
      await Promise.all(ending.map(([, each]) => each[Symbol.asyncDispose]()));
    }
  };
  const failed = started.find((outcome) => outcome.status === "rejected");
  if (failed) {
    await stop();
    throw failed.reason;
  }
  return { url, databaseUrl, process: Object.fromEntries(running), [Symbol.asyncDispose]: stop };

  function envFor(name: ServiceName): Record<string, string> {
    const database = databaseUrl[name];
    return {
      PORT: String(basePort + processes[name].offset),
      OTEL_SERVICE_NAME: name,
      ...(database === undefined ? {} : { DATABASE_URL: database }),
      ...(name === "console" ? { SERVICE_DATABASES: listOf(databaseUrl) } : {}),
      ...(name === "payment-provider" ? { LEDGER_FILE: join(dataDir, name, "ledger.jsonl") } : {}),
    };
  }
}

/** Where a broker is missing, its roads run on SNS→SQS. */
function commonEnv({ brokers, namespace }: ServicesOptions, url: Services["url"]): Record<string, string> {
  const services = names.filter((name) => name !== "console" && name !== "payment-provider");
  return {
    // What was compiled once starts a third faster.
    NODE_COMPILE_CACHE: join(root, ".local/cache/node"),
    NAMESPACE: namespace,
    SNS_SQS_ENDPOINT: brokers.snsSqs,
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
    PAYMENT_PROVIDER_URL: url["payment-provider"],
    SERVICES: listOf(Object.fromEntries(services.map((name) => [name, url[name]]))),
    ...(brokers.kafka ? { KAFKA_BROKERS: brokers.kafka } : { PUBLISH_TO: "sns-sqs", CONSUME_FROM: "sns-sqs" }),
    ...(brokers.rabbitmq ? { RABBITMQ_URL: brokers.rabbitmq } : { WORK_ON: "sns-sqs" }),
  };
}

function listOf(addresses: Readonly<Record<string, string>>): string {
  return Object.entries(addresses)
    .map(([name, address]) => `${name}=${address}`)
    .join(",");
}

function argsFor(name: ServiceName): string[] {
  const main = join(root, processes[name].folder, "src", "main.ts");
  if (name === "payment-provider") return [main];
  // Room for a batch of young objects: V8 starts at 1 MiB and copies what it will drop a moment later. And code that was
  // not run for a while stays, which V8 would compile anew for whoever comes after a pause.
  const flags = ["--min-semi-space-size=16", "--no-flush-bytecode"];
  return [...flags, "--import", new URL("../../../packages/service/src/preload.ts", import.meta.url).href, main];
}

/** One for each service that has one, and one for the big bodies of all. */
async function createDatabases(
  options: ServicesOptions,
): Promise<Pick<Services, "databaseUrl"> & { claimsUrl: string }> {
  const { brokers, databasePrefix = "" } = options;
  const client = new pg.Client({ connectionString: brokers.postgres });
  await client.connect();
  try {
    const databaseUrl: { [name in ServiceName]?: string } = {};
    for (const name of names) {
      const process: Process = processes[name];
      if (process.database !== undefined) databaseUrl[name] = await create(`${databasePrefix}${process.database}`);
    }
    return { databaseUrl, claimsUrl: await create(`${databasePrefix}throughline_claims`) };
  } finally {
    await client.end();
  }

  async function create(database: string): Promise<string> {
    const { rowCount } = await client.query("select from pg_database where datname = $1", [database]);
    if (rowCount === 0) await client.query(`create database ${database}`);
    const url = new URL(brokers.postgres);
    url.pathname = database;
    return url.href;
  }
}

function mapNames<Value>(value: (name: ServiceName) => Value): { readonly [name in ServiceName]: Value } {
  return Object.fromEntries(names.map((name) => [name, value(name)])) as { readonly [name in ServiceName]: Value };
}
