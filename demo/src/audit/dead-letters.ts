import type { Transport } from "@throughline/transport";
import { consumers } from "../flow.ts";
import type { Roads } from "../surroundings.ts";

/** How many messages were set aside, by group and broker. */
export type DeadLetters = ReadonlyMap<string, number>;

export async function countDeadLetters(transports: readonly Transport[], roads: Roads): Promise<DeadLetters> {
  const counts = await Promise.all(
    transports.map(async (transport) => {
      const types = roads.filter(({ road }) => road === transport.name).flatMap((part) => part.types);
      const asked = await Promise.all(
        consumers.map(async (consumer) => {
          const wanted = consumer.types.filter((type) => types.includes(type));
          return [`${consumer.group} on ${transport.name}`, await transport.backlog(consumer.group, wanted)] as const;
        }),
      );
      // Kafka keeps the dead letters of all groups in one topic per type, so analytics, bound to all, sees all.
      const told = transport.name === "kafka" ? asked.filter(([name]) => name.startsWith("analytics")) : asked;
      return told.map(([name, { deadLetters }]) => [name, deadLetters] as const);
    }),
  );
  return new Map(counts.flat());
}
