import { demandOn, type Road, roadSettings, topology, withRoads } from "@throughline/contracts/topology";
import { type Config, parseConfig } from "@throughline/service";
import type { Demand, TopologySettings } from "@throughline/transport/topology";

/** A broker that the manifest needs: what is to be on it, and how to reach it. */
export type Needed = {
  readonly road: Road;
  readonly demand: Demand;
  readonly settings: TopologySettings;
  /** Without credentials. */
  readonly address: string;
};

const roads: readonly Road[] = ["sns-sqs", "sns-sqs-fifo", "kafka", "rabbitmq"];

/** The brokers that somebody needs, on the roads that the settings choose. Throws where these are wrong, naming each fault. */
export function neededBrokers(env: NodeJS.ProcessEnv): Needed[] {
  const config = parseConfig({ service: "topology", port: 0, database: false }, env);
  const chosen = withRoads(topology, {
    ...(env.PUBLISH_TO && { publishTo: config.publishTo }),
    ...(env.CONSUME_FROM && { consumeFrom: config.consumeFrom }),
    ...(env.WORK_ON && { workOn: config.workOn }),
  });
  const settings = roadSettings(config);
  return roads
    .map((road) => ({ road, demand: demandOn(road, chosen), settings, address: addressOf(road, config) }))
    .filter(({ demand }) => demand.types.length > 0);
}

function addressOf(road: Road, config: Config): string {
  if (road === "kafka") return config.kafka.brokers.join(",") || "unknown: KAFKA_BROKERS is not set";
  if (road === "sns-sqs" || road === "sns-sqs-fifo") return config.snsSqs.endpoint ?? `AWS in ${config.snsSqs.region}`;
  const { rabbitmqManagementUrl: url } = config;
  return url ? new URL(url).origin : "unknown: RABBITMQ_MANAGEMENT_URL is not set";
}
