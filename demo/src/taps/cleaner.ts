import type { Road, RoadSettings } from "@throughline/transport";
import type { TapGroup } from "../taps.ts";
import { kafkaCleaner } from "./kafka.ts";
import { rabbitmqCleaner } from "./rabbitmq.ts";
import { snsSqsCleaner } from "./sns-sqs.ts";

/** What a tap does to a broker beside listening, with the broker's own client. */
export type Cleaner = {
  /** Before it listens: leaves out what was published earlier, where a new group would get that. */
  skipHistory(): Promise<void>;
  /** Afterwards: removes what it left on the broker, lest it fill for ever. */
  remove(): Promise<void>;
};

export function cleanerOf(road: Road, brokers: RoadSettings, groups: readonly TapGroup[]): Cleaner {
  const { namespace } = brokers;
  if (road === "kafka" && brokers.kafka) return kafkaCleaner(brokers.kafka.brokers, namespace, groups);
  if (road === "sns-sqs" && brokers.snsSqs) return snsSqsCleaner(brokers.snsSqs, namespace, groups);
  if (road === "rabbitmq" && brokers.rabbitmq) return rabbitmqCleaner(brokers.rabbitmq.url, namespace, groups);
  throw new Error(`There is nothing to listen to on the road ${road}`);
}
