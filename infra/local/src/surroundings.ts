import { missing } from "./brokers.ts";
import { basePort } from "./place.ts";
import { offsets } from "./ports.ts";

/** What a tool looks at: the settings of a process, and where they come from, in a sentence. */
export type Surroundings = {
  readonly env: NodeJS.ProcessEnv;
  readonly source: string;
  /** The databases by service, where each has its own; else DATABASE_URL is that of one service. */
  readonly databaseOf?: (service: string) => string;
};

// A region or profile of AWS is not enough: many a shell has one, and means no environment of ours by it.
const addresses = /^(KAFKA_|RABBITMQ_|SNS_SQS_|SQS_|DATABASE_|PUBLISH_TO|CONSUME_FROM|WORK_ON)/;

/** What the environment names; where it names nothing of that, what `npm start` runs on this machine. */
export function readSurroundings(env: NodeJS.ProcessEnv = process.env): Surroundings {
  const named = Object.keys(env).filter((name) => addresses.test(name) && env[name] !== "");
  if (named.length > 0) return { env, source: `what the environment names: ${named.sort().join(", ")}` };
  const source = `what npm start runs on this machine, from port ${basePort} on`;
  return { env: { ...localSettings(), ...env }, source, databaseOf: localDatabase };
}

function localDatabase(service: string): string {
  return `postgres://${login}@${at(offsets.postgres)}/throughline_${service}`;
}

const login = "throughline:throughline";

function at(offset: number): string {
  return `127.0.0.1:${basePort + offset}`;
}

/** As `npm start` sets them for all its services. */
function localSettings(): Record<string, string> {
  return {
    NAMESPACE: "dev",
    CLAIMS_URL: localDatabase("claims"),
    SNS_SQS_ENDPOINT: `http://${at(offsets.snsSqs)}`,
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
    ...(missing.kafka ? { PUBLISH_TO: "sns-sqs", CONSUME_FROM: "sns-sqs" } : { KAFKA_BROKERS: at(offsets.kafka) }),
    ...(missing.rabbitmq
      ? { WORK_ON: "sns-sqs" }
      : {
          RABBITMQ_URL: `amqp://${login}@${at(offsets.rabbitmq)}`,
          RABBITMQ_MANAGEMENT_URL: `http://${login}@${at(offsets.rabbitmq + 1)}`,
        }),
  };
}
