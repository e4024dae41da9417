import type { kafkaTransport } from "./kafka.ts";
import { createMemoryBroker } from "./memory/broker.ts";
import type { rabbitmqTransport } from "./rabbitmq.ts";
import type { snsSqsTransport } from "./sns-sqs.ts";
import type { Transport } from "./transport.ts";

export type Road = "kafka" | "sns-sqs" | "sns-sqs-fifo" | "rabbitmq" | "memory";

/** Only the roads that are opened need their settings. */
export type RoadSettings = {
  /** In front of every name on every broker, one per environment. */
  readonly namespace: string;
  readonly kafka?: Omit<Parameters<typeof kafkaTransport>[0], "namespace">;
  /** Of both roads, the standard one and the one in order. */
  readonly snsSqs?: Omit<Parameters<typeof snsSqsTransport>[0], "namespace" | "fifo">;
  readonly rabbitmq?: Omit<Parameters<typeof rabbitmqTransport>[0], "namespace" | "work">;
  /** The types that RabbitMQ takes as work, with their priority. Default: none. */
  readonly work?: NonNullable<Parameters<typeof rabbitmqTransport>[0]["work"]>;
};

/** All memory roads of a process are on this one. */
const memoryBroker = createMemoryBroker();

/** `openRoad` for each name, in their order. */
export function openRoads(names: readonly Road[], settings: RoadSettings): Promise<Transport[]> {
  return Promise.all(names.map((name) => openRoad(name, settings)));
}

/**
 * The transport of that name. Connects to nothing yet, and loads the libraries of no other broker. Rejects where the
 * road's settings are missing.
 */
export async function openRoad(name: Road, { namespace, work, ...settings }: RoadSettings): Promise<Transport> {
  switch (name) {
    case "kafka": {
      const { kafkaTransport } = await import("./kafka.ts");
      return kafkaTransport({ ...required(name, settings.kafka), namespace });
    }
    case "sns-sqs":
    case "sns-sqs-fifo": {
      const { snsSqsTransport } = await import("./sns-sqs.ts");
      return snsSqsTransport({ ...required(name, settings.snsSqs), namespace, fifo: name === "sns-sqs-fifo" });
    }
    case "rabbitmq": {
      const { rabbitmqTransport } = await import("./rabbitmq.ts");
      return rabbitmqTransport({ ...required(name, settings.rabbitmq), namespace, ...(work && { work }) });
    }
    case "memory": {
      const { memoryTransport } = await import("./memory.ts");
      return memoryTransport({ namespace, broker: memoryBroker });
    }
    default:
      throw new Error(`There is no road "${name satisfies never}"`);
  }
}

function required<Settings>(name: Road, settings: Settings | undefined): Settings {
  if (settings === undefined) throw new Error(`The road ${name} has no settings`);
  return settings;
}
