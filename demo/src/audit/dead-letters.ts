import type { Transport } from "@throughline/transport";
import { type Databases, rowsOf } from "../databases.ts";
import { consumers, serviceNames } from "../flow.ts";
import type { Roads } from "../surroundings.ts";

/** How many messages were set aside, by group and broker: those still there, and those that were drained since. */
export type DeadLetters = ReadonlyMap<string, number>;

export async function countDeadLetters(
  databases: Databases,
  transports: readonly Transport[],
  roads: Roads,
): Promise<DeadLetters> {
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
  const all = [...counts.flat(), ...(await readDrained(databases))];
  const names = new Set(all.map(([name]) => name));
  const sumOf = (wanted: string) => all.reduce((sum, [name, count]) => (name === wanted ? sum + count : sum), 0);
  return new Map([...names].map((name) => [name, sumOf(name)]));
}

async function readDrained(databases: Databases): Promise<(readonly [name: string, count: number])[]> {
  const text = `select group_name || ' on ' || road as name, sum(cardinality(deaths))::int as count
    from dead_letters group by group_name, road`;
  const perService = await Promise.all(
    serviceNames.map((name) => rowsOf<{ name: string; count: number }>(databases[name], text)),
  );
  return perService.flat().map(({ name, count }) => [name, count] as const);
}
