import { colors } from "@throughline/terminal";
import type { BrokerAddresses } from "./brokers.ts";
import type { Services } from "./services.ts";

export type BoardOptions = {
  readonly seconds: number;
  readonly dataDir: string;
  /** Where one becomes an operator of the console. Absent where an issuer lets people in. */
  readonly signIn?: string | undefined;
};

/** What a person sees when all is up: the addresses, and what to try. */
export function board(
  brokers: BrokerAddresses,
  url: Services["url"],
  { seconds, dataDir, signIn }: BoardOptions,
): string {
  const lines: readonly (readonly [string, string])[] = [
    ...Object.entries(url),
    ["Postgres", brokers.postgres],
    ["SNS and SQS", brokers.snsSqs],
    ["Kafka", brokers.kafka ?? "not here: its roads run on SNS→SQS"],
    ["RabbitMQ", brokers.rabbitmq ?? "not here: its roads run on SNS→SQS"],
  ];
  const item = '{"sku":"cd-1","quantity":1,"amountInCents":1496}';
  return [
    "",
    colors.bold(`  Throughline is up after ${seconds.toFixed(1)} s`),
    "",
    ...lines.map(([name, address]) => `  ${name.padEnd(18)}${colors.cyan(address)}`),
    "",
    "  Place an order, look at it, look at what it added up to:",
    "",
    `  curl -s -X POST ${url.order}/orders -H 'content-type: application/json' \\`,
    `    -d '{"customerId":"c-1","currency":"USD","items":[${item}]}'`,
    `  curl -s '${url.order}/orders?limit=1'`,
    `  curl -s ${url.analytics}/reports/orders`,
    "",
    ...(signIn === undefined
      ? []
      : ["  Sign in to the console as an operator, for 12 hours:", "", `  ${colors.cyan(signIn)}`, ""]),
    colors.dim(`  Logs are in ${dataDir}/services/*/output.log. Ctrl-C ends all; the data stays until npm run reset.`),
    "",
  ].join("\n");
}
