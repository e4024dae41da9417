import { createHash } from "node:crypto";
import { topology } from "@throughline/contracts/topology";
import { migrations as deadLetters } from "@throughline/dead-letters";
import { migrations as eventStore } from "@throughline/event-store";
import { migrations as inbox } from "@throughline/inbox";
import { openTestDatabase } from "@throughline/local/testing";
import { type Database, migrations as log, query } from "@throughline/log";
import { migrations as outbox } from "@throughline/outbox";
import type { Address } from "./databases.ts";

export const services = ["order", "billing", "inventory", "analytics"] as const;
export type Service = (typeof services)[number];

const dayMs = 24 * 60 * 60 * 1_000;
const today = new Date().setUTCHours(0, 0, 0, 0);
/** Yesterday, which the tests ask for: inboxes forget what is older than a month. */
export const period = { from: new Date(today - dayMs), to: new Date(today) };
export const noon = new Date(today - dayMs / 2);

/** The databases of all services, and what happens in them; times are of the message. */
export type Scene = AsyncDisposable & {
  readonly addresses: readonly Address[];
  readonly databases: Readonly<Record<Service, Database>>;
  /** Commits a message, published already; returns its id. */
  tell(
    type: string,
    key: string,
    options?: { readonly at?: Date; readonly id?: string; readonly sequence?: number },
  ): Promise<string>;
  /** By the named groups, or by all that it is bound to. */
  handle(id: string, type: string, options?: { readonly by?: readonly string[]; readonly day?: Date }): Promise<void>;
  cause(service: Service, id: string, stream: string, version: number): Promise<void>;
  bury(service: Service, group: string, id: string, state: string, replacedBy?: string): Promise<void>;
  run(service: Service, text: string, values?: readonly unknown[]): Promise<void>;
};

let ids = 0;

/** A UUIDv7 of a moment. */
export function idAt(at: Date): string {
  ids += 1;
  const hex = at.getTime().toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-${ids.toString(16).padStart(12, "0")}`;
}

export async function openScene(): Promise<Scene> {
  await using opening = new AsyncDisposableStack();
  const opened = [];
  for (const service of services) {
    const { url, database } = opening.use(await openTestDatabase(log, eventStore, outbox, inbox, deadLetters));
    opened.push({ service, url, database });
  }
  const databases = Object.fromEntries(
    opened.map(({ service, database }) => [service, database]),
  ) as Scene["databases"];
  const run: Scene["run"] = async (service, text, values) =>
    void (await query(databases[service], nameOf(text), text, values));
  for (const { service, roads } of topology.senders) {
    for (const road of roads) await run(service as Service, passed, [road]);
  }
  const done = opening.move();
  return {
    ...{ addresses: opened, databases, run },
    async tell(type, key, { at = noon, id = idAt(at), sequence } = {}) {
      const service = topology.senders.find(({ types }) => types.includes(type))?.service as Service;
      const [counted] = await query<{ sequence: number }>(databases[service], "test_count", count, [key]);
      await run(service, told, [key, type, id, at.toISOString(), sequence ?? counted?.sequence]);
      return id;
    },
    async handle(id, type, { by, day = noon } = {}) {
      const bound = topology.groups.filter(({ types, group }) => by?.includes(group) ?? types.includes(type));
      for (const { service, group } of bound) await run(service as Service, handled, [group, id, day]);
    },
    cause: (service, id, stream, version) => run(service, caused, [stream, version, crypto.randomUUID(), id, noon]),
    bury: (service, group, id, state, replacedBy) => run(service, buried, [state, group, id, replacedBy ?? null]),
    [Symbol.asyncDispose]: () => done.disposeAsync(),
  };
}

const passed =
  "insert into log_cursors (log, reader, lane, position) values ('outbox', $1, 0, 1000000000) on conflict do nothing";
const count = `insert into outbox_sequences as known (source, key, sequence) values ('test', $1, 1)
  on conflict (source, key) do update set sequence = known.sequence + 1 returning sequence::float8 as sequence`;
const told = `insert into outbox (key, type, id, version, "timestamp", source, sequence, correlation_id, wire)
  values ($1, $2, $3, '1', $4, 'test', $5, 'c', '{}')`;
const handled =
  "insert into processed_messages (consumer, message_id, message_day) values ($1, $2, ($3::timestamptz at time zone 'utc')::date)";
const caused = `insert into events (stream_id, version, event_id, type, schema_version, data, metadata, recorded_at)
  values ($1, $2, $3, 'happened', 1, '{}', jsonb_build_object('causationId', $4::text), $5)`;
const buried = `insert into dead_letters (state, group_name, road, origin, body, headers, message_id, error_name,
    error_message, error_stack, fingerprint, attempts, deaths, first_failed_at, last_failed_at, replaced_by)
  values ($1, $2, case $2 when 'outbox' then 'outbox' else 'kafka' end, 'kafka', convert_to($3::text, 'UTF8'), '{}', $3::text::uuid, 'Error', 'no', '', 'f', 3, '{}', now(), now(), $4)`;

function nameOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
