import { connect } from "amqplib";
import type { TapGroup } from "../taps.ts";
import type { Cleaner } from "./cleaner.ts";

/** A new queue gets nothing of what was published before it. */
export function rabbitmqCleaner(url: string, namespace: string, groups: readonly TapGroup[]): Cleaner {
  return {
    skipHistory: async () => undefined,
    async remove() {
      const connection = await connect(url);
      try {
        const channel = await connection.createChannel();
        for (const { group } of groups) {
          for (const queue of [`${namespace}.${group}`, `${namespace}.${group}.dlq`]) await channel.deleteQueue(queue);
        }
      } finally {
        await connection.close();
      }
    },
  };
}
