import { type AccessConfig, accessOf } from "./access-settings.ts";
import { contradictions, faultsOf, misspellings } from "./config-faults.ts";
import { type Road, settings } from "./settings.ts";

/** What differs from service to service. All else is the same setting with the same default everywhere. */
export type ServiceDefaults = {
  /** `order`. */
  readonly service: string;
  readonly port: number;
  /** Default of PUBLISH_TO. Default: none. */
  readonly publishTo?: readonly Road[];
  /** Default of CONSUME_FROM. Default: none. */
  readonly consumeFrom?: readonly Road[];
  /** Default of WORK_ON. Default: none. */
  readonly workOn?: readonly Road[];
  /** True for a process that admits requests by their tokens. Default: false, and no issuer is needed in production. */
  readonly access?: boolean;
  /** False for a process that has no database. Default: true, and DATABASE_URL must be set. */
  readonly database?: boolean;
};

/** The settings of a process, checked. The three brokers' parts have the shape that their adapters ask for. */
export type Config = {
  readonly service: string;
  /** In front of every name on a broker; one per environment. */
  readonly namespace: string;
  /** How much what is declared on the brokers endures. */
  readonly topology: "development" | "production";
  readonly httpHost: string;
  readonly port: number;
  readonly shutdownGraceMs: number;
  readonly logLevel: string;
  /** Of W3C Baggage: what is taken in from requests and messages, and carried on. */
  readonly baggageKeys: readonly string[];
  readonly crashAt?: { readonly point: string; readonly pass: number };
  /** Empty only where the service said `database: false`. */
  readonly databaseUrl: string;
  readonly databasePoolSize: number;
  /** Where bodies are that are too big to travel; absent where nobody sends any. Without an endpoint, S3 is AWS. */
  readonly claims?: { readonly url: string; readonly region: string; readonly endpoint?: string };
  /** `brokers` is empty only where no road is Kafka. */
  readonly kafka: {
    readonly brokers: string[];
    readonly client: "kafkajs" | "platformatic";
    readonly compression: "none" | "gzip" | "zstd";
    readonly ssl: boolean;
    readonly sasl?: { readonly mechanism: SaslMechanism; readonly username: string; readonly password: string };
  };
  /** `url` is empty only where no road is RabbitMQ. */
  readonly rabbitmq: { readonly url: string };
  /** For tools: services need no more than AMQP. */
  readonly rabbitmqManagementUrl?: string;
  /** Without an endpoint it is AWS. */
  readonly snsSqs: { readonly endpoint?: string; readonly region: string; readonly visibilityTimeoutSeconds: number };
  readonly publishTo: readonly Road[];
  /** With which messages a road begins that is new in `publishTo`: all that are kept, none, or those since a moment. */
  readonly publishFrom: "beginning" | "now" | Date;
  readonly consumeFrom: readonly Road[];
  readonly workOn: readonly Road[];
  readonly handlerTimeoutMs: number;
  readonly handlerConcurrency: number;
  /** Types of which a dead message makes the later ones of its key wait. */
  readonly parks: readonly string[];
  /** Types that are handled in a trace of their own, with a link to the one that told of them. */
  readonly links: readonly string[];
  /** Where a person is told of dead letters. */
  readonly alerts?: { readonly webhookUrl: string; readonly quietMs: number; readonly service: string };
  /** Whose tokens are good: an issuer's, or those of this machine's development issuer. */
  readonly access: AccessConfig;
  readonly paymentProviderUrl: string;
  readonly orderTimeoutMs: number;
  readonly services: readonly Address[];
  /** The databases of the services, for the console; empty where it may not open them. */
  readonly serviceDatabases: readonly Address[];
  /** Absent where nothing may be tried out from the console; `switchboardUrl` where it may stop brokers, too. */
  readonly tryIt?: { readonly switchboardUrl?: string };
  /** Where the console takes spans, and hands them on to; absent where they go elsewhere. */
  readonly otlp?: { readonly port: number; readonly forwardUrl?: string };
};

type Address = { readonly name: string; readonly url: string };
type SaslMechanism = "plain" | "scram-sha-256" | "scram-sha-512";

/**
 * Reads the settings from the environment; a variable that is empty counts as absent. Throws one error that lists every
 * fault by the variable's name: values of the wrong form, settings that contradict each other, and names that nothing
 * reads although they look like ours.
 */
export function parseConfig(defaults: ServiceDefaults, env: NodeJS.ProcessEnv = process.env): Config {
  const own = valuesOf(defaults);
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
  const malformed = faultsOf(settings.safeParse({ ...own, ...given }).error, given);
  const wellFormed = Object.fromEntries(Object.entries(given).filter(([name]) => !malformed.has(name)));
  const values = settings.parse({ ...own, ...wellFormed });
  const config = toConfig(defaults.service, values);
  const contrary = contradictions(values, config, defaults).filter(
    ({ names }) => !names.some((name) => malformed.has(name)),
  );
  const faults = [...malformed.values(), ...contrary.map(({ fault }) => fault), ...misspellings(Object.keys(given))];
  if (faults.length > 0) {
    throw new Error(
      `The settings of ${defaults.service} are wrong:\n${faults.map((fault) => `  ${fault}`).join("\n")}`,
    );
  }
  return config;
}

function valuesOf({ port, publishTo = [], consumeFrom = [], workOn = [] }: ServiceDefaults) {
  const list = (roads: readonly Road[]) => roads.join(",") || "none";
  return { PORT: String(port), PUBLISH_TO: list(publishTo), CONSUME_FROM: list(consumeFrom), WORK_ON: list(workOn) };
}

function toConfig(service: string, env: ReturnType<typeof settings.parse>): Config {
  return {
    service,
    namespace: env.NAMESPACE,
    topology: env.TOPOLOGY,
    httpHost: env.HTTP_HOST,
    port: env.PORT,
    shutdownGraceMs: env.SHUTDOWN_GRACE_MS,
    logLevel: env.LOG_LEVEL,
    baggageKeys: env.BAGGAGE_KEYS ?? [],
    ...(env.CRASH_AT && { crashAt: env.CRASH_AT }),
    databaseUrl: env.DATABASE_URL ?? "",
    databasePoolSize: env.DATABASE_POOL_SIZE,
    ...claimsOf(env),
    kafka: {
      brokers: env.KAFKA_BROKERS ?? [],
      client: env.KAFKA_CLIENT,
      compression: env.KAFKA_COMPRESSION,
      ssl: env.KAFKA_SSL === "true",
      ...saslOf(env),
    },
    rabbitmq: { url: env.RABBITMQ_URL ?? "" },
    ...(env.RABBITMQ_MANAGEMENT_URL && { rabbitmqManagementUrl: env.RABBITMQ_MANAGEMENT_URL }),
    snsSqs: {
      ...(env.SNS_SQS_ENDPOINT && { endpoint: env.SNS_SQS_ENDPOINT }),
      region: env.AWS_REGION,
      visibilityTimeoutSeconds: env.SQS_VISIBILITY_TIMEOUT_SECONDS,
    },
    publishTo: env.PUBLISH_TO ?? [],
    publishFrom: env.PUBLISH_FROM,
    consumeFrom: env.CONSUME_FROM ?? [],
    workOn: env.WORK_ON ?? [],
    handlerTimeoutMs: env.HANDLER_TIMEOUT_MS,
    handlerConcurrency: env.HANDLER_CONCURRENCY,
    parks: env.PARK_TYPES ?? [],
    links: env.LINK_TYPES ?? [],
    ...(env.DEAD_LETTER_WEBHOOK_URL && {
      alerts: { webhookUrl: env.DEAD_LETTER_WEBHOOK_URL, quietMs: env.DEAD_LETTER_QUIET_MS, service },
    }),
    access: accessOf(env),
    paymentProviderUrl: env.PAYMENT_PROVIDER_URL,
    orderTimeoutMs: env.ORDER_TIMEOUT_MS,
    services: env.SERVICES,
    serviceDatabases: env.SERVICE_DATABASES ?? [],
    ...(env.TRY_IT === "true" && { tryIt: env.SWITCHBOARD_URL ? { switchboardUrl: env.SWITCHBOARD_URL } : {} }),
    ...otlpOf(env),
  };
}

function claimsOf(env: ReturnType<typeof settings.parse>): Pick<Config, "claims"> {
  const { CLAIMS_URL: url, CLAIMS_S3_ENDPOINT: endpoint, AWS_REGION: region } = env;
  return url ? { claims: { url, region, ...(endpoint && { endpoint }) } } : {};
}

function otlpOf({ OTLP_PORT: port, OTLP_FORWARD_URL: forwardUrl }: ReturnType<typeof settings.parse>) {
  return port === undefined ? {} : { otlp: { port, ...(forwardUrl && { forwardUrl }) } };
}

function saslOf(env: ReturnType<typeof settings.parse>): Pick<Config["kafka"], "sasl"> {
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = env;
  return mechanism && username && password ? { sasl: { mechanism, username, password } } : {};
}
