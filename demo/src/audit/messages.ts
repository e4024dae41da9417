import { type Databases, rowsOf } from "../databases.ts";
import { consumers, serviceNames, type Teller, tellers } from "../flow.ts";
import type { Window } from "./window.ts";

/** A row of an outbox: what a service has to tell, since it committed. */
export type Message = {
  readonly service: Teller["service"];
  readonly id: string;
  readonly type: string;
  readonly key: string;
  readonly source: string;
  readonly sequence: number;
  readonly position: number;
};

/** All that was committed to be told since the window opened, this run's and others'. */
export async function readMessages(databases: Databases, { after }: Window): Promise<Message[]> {
  const perService = await Promise.all(
    tellers.map(async ({ service }) => {
      const rows = await rowsOf<Omit<Message, "service">>(
        databases[service],
        `select id, type, key, source, sequence::float8 as sequence, position::float8 as position
         from outbox where position > $1 order by position`,
        [after.get(service)?.outbox ?? 0],
      );
      return rows.map((row) => ({ ...row, service }));
    }),
  );
  return perService.flat();
}

/** The ids of the messages that each group has handled since the window opened. */
export type Handled = ReadonlyMap<string, ReadonlySet<string>>;

export async function readHandled(databases: Databases, { firstId }: Window): Promise<Handled> {
  const handled = new Map(consumers.map(({ group }) => [group, new Set<string>()]));
  for (const service of serviceNames) {
    const groups = consumers.filter((consumer) => consumer.service === service).map(({ group }) => group);
    const rows = await rowsOf<{ consumer: string; id: string }>(
      databases[service],
      `select consumer, message_id::text as id from processed_messages where consumer = any($1) and message_id >= $2`,
      [groups, firstId],
    );
    for (const { consumer, id } of rows) handled.get(consumer)?.add(id);
  }
  return handled;
}

export type Delivery = { readonly message: Message; readonly group: string };

/** Every delivery that the messages owe: one to each group that their type is bound to. */
export function deliveriesOf(messages: readonly Message[]): Delivery[] {
  const groupsOf = (type: string) => consumers.filter(({ types }) => types.includes(type));
  return messages.flatMap((message) => groupsOf(message.type).map(({ group }) => ({ message, group })));
}

export function isHandled(handled: Handled, { message, group }: Delivery): boolean {
  return handled.get(group)?.has(message.id) ?? false;
}
