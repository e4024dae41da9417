import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createTestDatabase, testBrokers, uniqueName } from "@throughline/local/testing";
import { runService, type ServiceProcess } from "./service-process.ts";

export const serviceNames = ["order", "billing", "inventory", "analytics", "provider"] as const;
export type ServiceName = (typeof serviceNames)[number];
type Env = Readonly<Record<string, string>>;

export type FleetOptions = {
  /** Settings of all services. */
  readonly env?: Env;
  /** Settings of some, on top of those of all. */
  readonly each?: { readonly [name in ServiceName]?: Env };
  /** Default: true. */
  readonly isSupervised?: boolean;
};

/** All services with databases, a namespace and ports of their own, on the brokers that all tests share. */
export type Fleet = AsyncDisposable & {
  readonly namespace: string;
  readonly databases: { readonly [name in Exclude<ServiceName, "provider">]: string };
  readonly services: { readonly [name in ServiceName]: ServiceProcess };
  /** What a further process of this service is started with. */
  readonly envOf: (name: ServiceName) => Env;
};

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Starts the services and the payment provider, and waits until all are ready. */
export async function startFleet({ env = {}, each = {}, isSupervised = true }: FleetOptions = {}): Promise<Fleet> {
  await using opened = new AsyncDisposableStack();
  const namespace = uniqueName("t");
  const folder = await mkdtemp(join(tmpdir(), "throughline-"));
  opened.defer(() => rm(folder, { recursive: true }));
  const ports = new Map(await Promise.all(serviceNames.map(async (name) => [name, await freePort()] as const)));
  const portOf = (name: ServiceName) => ports.get(name) ?? 0;
  const database = async () => opened.use(await createTestDatabase()).url;
  const [order, billing, inventory, analytics] = await Promise.all([database(), database(), database(), database()]);
  const databases = { order, billing, inventory, analytics };

  function envOf(name: ServiceName): Env {
    if (name === "provider") return { LEDGER_FILE: join(folder, "ledger.jsonl"), ...each[name] };
    return {
      ...brokerSettings(name),
      NAMESPACE: namespace,
      DATABASE_URL: databases[name],
      PAYMENT_PROVIDER_URL: `http://127.0.0.1:${portOf("provider")}`,
      OTEL_SERVICE_NAME: name,
      ...env,
      ...each[name],
    };
  }
  function run(name: ServiceName): ServiceProcess {
    const main = join(root, name === "provider" ? "infra/local/payment-provider" : `services/${name}`, "src/main.ts");
    return opened.use(runService({ name, main, port: portOf(name), env: envOf(name), isSupervised }));
  }
  const services = {
    provider: run("provider"),
    order: run("order"),
    billing: run("billing"),
    inventory: run("inventory"),
    analytics: run("analytics"),
  };
  await Promise.all(Object.values(services).map((service) => service.ready()));
  const stack = opened.move();
  return { namespace, databases, services, envOf, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** The addresses of the brokers; where the machine lacks one, its roads lead over SNS and SQS. */
function brokerSettings(name: ServiceName): Env {
  const { snsSqs, kafka, rabbitmq } = testBrokers;
  const withoutKafka = { ...(name !== "analytics" && { PUBLISH_TO: "sns-sqs" }), CONSUME_FROM: "sns-sqs" };
  return {
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    SNS_SQS_ENDPOINT: snsSqs,
    ...(kafka === undefined ? withoutKafka : { KAFKA_BROKERS: kafka }),
    ...(rabbitmq === undefined ? { WORK_ON: "sns-sqs" } : { RABBITMQ_URL: rabbitmq }),
  };
}

/** Free at this moment, and below the range from which systems take ports for clients. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
    });
    server.close();
    if (isFree) return port;
  }
}
