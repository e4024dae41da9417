import type { Road as AnyRoad, RoadSettings } from "./roads.ts";

export type Road = Exclude<AnyRoad, "memory">;

/** Who is to find what on one broker. */
export type Demand = {
  /** All that leave or are awaited by this road. */
  readonly types: readonly string[];
  readonly groups: readonly { readonly group: string; readonly types: readonly string[]; readonly attempts: number }[];
};

export type Settings = Readonly<Record<string, string>>;

/** One thing on a broker, with the settings that matter to us, by the broker's own names. */
export type Resource = {
  readonly kind: "topic" | "queue" | "exchange" | "subscription" | "binding";
  readonly name: string;
  readonly settings: Settings;
};

/** What is to be there, and what is: nothing where it is missing. */
export type Standing = { readonly declared: Resource; readonly found?: Settings | undefined };

export type Look = {
  readonly standings: readonly Standing[];
  /** What else the namespace has: of an older release, or of somebody who shares it. */
  readonly others: readonly string[];
};

/** One broker, as the one who looks after it sees it. */
export interface BrokerTopology extends AsyncDisposable {
  readonly declared: readonly Resource[];
  /** Changes nothing. Rejects where the broker does not answer. */
  look(): Promise<Look>;
  /**
   * Makes what is missing and changes what differs; deletes nothing. Rejects, with the way out, where the broker cannot
   * change what is there. May be called again after it failed, and by any number of processes at once.
   */
  apply(): Promise<void>;
  /** What the broker as a whole is set to, by its own names; Kafka alone tells. */
  cluster?(): Promise<Settings>;
}

export type TopologySettings = RoadSettings & {
  /** RabbitMQ's management plugin with credentials: AMQP tells nothing about bindings. `http://user:password@host:15672`. */
  readonly rabbitmqManagementUrl?: string | undefined;
};

/** Loads the libraries of this broker only. Rejects where the settings of the road are missing. */
export async function openTopology(road: Road, settings: TopologySettings, demand: Demand): Promise<BrokerTopology> {
  const { namespace } = settings;
  switch (road) {
    case "kafka": {
      const { openKafkaTopology } = await import("./kafka/inventory.ts");
      return openKafkaTopology({ ...required(road, settings.kafka), namespace }, demand);
    }
    case "sns-sqs":
    case "sns-sqs-fifo": {
      const { openSnsSqsTopology } = await import("./sns-sqs/inventory.ts");
      const fifo = road === "sns-sqs-fifo";
      return openSnsSqsTopology({ ...required(road, settings.snsSqs), namespace, fifo }, demand);
    }
    case "rabbitmq": {
      const { openRabbitmqTopology } = await import("./rabbitmq/inventory.ts");
      const url = required(road, settings.rabbitmqManagementUrl);
      return openRabbitmqTopology({ url, namespace, workTypes: settings.work?.types ?? [] }, demand);
    }
    default:
      throw new Error(`There is no topology of "${road satisfies never}"`);
  }
}

/** The settings in which what was found is not what was declared; undefined where nothing was found. */
export function differencesOf({ declared, found }: Standing): string[] | undefined {
  if (found === undefined) return undefined;
  return Object.keys(declared.settings).filter((name) => declared.settings[name] !== found[name]);
}

function required<Value>(road: Road, value: Value | undefined): Value {
  if (value === undefined) throw new Error(`The road ${road} has no settings to look at its broker with`);
  return value;
}
