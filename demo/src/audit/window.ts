import { type Databases, rowsOf } from "../databases.ts";
import { tellers } from "../flow.ts";

/** What belongs to one run, in databases that others may use at the same time. */
export type Window = {
  readonly runId: string;
  /** No id that is made from now on, UUIDv7, is lower. */
  readonly firstId: string;
  /** The ends of each service's outbox and event store before the run. */
  readonly after: ReadonlyMap<string, { readonly outbox: number; readonly events: number }>;
};

/** To be called before anything is sent. */
export async function openWindow(databases: Databases, runId: string): Promise<Window> {
  const after = new Map<string, { readonly outbox: number; readonly events: number }>();
  for (const { service } of tellers) {
    const [ends] = await rowsOf<{ outbox: number; events: number }>(
      databases[service],
      `select coalesce((select max(position) from outbox), 0)::float8 as outbox,
         coalesce((select max(position) from events), 0)::float8 as events`,
    );
    if (ends) after.set(service, ends);
  }
  return { runId, firstId: lowestId(Date.now()), after };
}

/** The lowest UUIDv7 of a millisecond. */
export function lowestId(atMs: number): string {
  const hex = atMs.toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}
