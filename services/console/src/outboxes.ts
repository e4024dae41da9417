import { topology } from "@throughline/contracts/topology";
import type { Desk } from "@throughline/dead-letters/operation";
import {
  type Action,
  type DestinationState,
  type ParkedKey,
  readActions,
  readLanesOf,
  readParkedKeysOf,
  readStates,
} from "@throughline/outbox/operation";
import { problem } from "@throughline/service";
import { askEach, type Desks, openOne } from "./desks.ts";

export type Destination = DestinationState & {
  readonly each: Awaited<ReturnType<typeof readLanesOf>>;
  readonly keys: readonly ParkedKey[];
};

/** An outbox as it stands; where its database does not answer, why. */
export type OutboxView =
  | { readonly service: string; readonly destinations: readonly Destination[]; readonly actions: readonly Action[] }
  | { readonly service: string; readonly reason: string };

const senders = new Set(topology.senders.map(({ service }) => service));

/** A service that tells nothing has none. */
export function hasOutbox(service: string): boolean {
  return senders.has(service);
}

/** Looks at all of them at once. One that does not answer is a line of the page, not an error. */
export async function readOutboxes(desks: Desks): Promise<OutboxView[]> {
  const opened = await desks.open();
  const own = opened.desks.filter(({ service }) => hasOutbox(service));
  const { answers, silent } = await askEach({ ...opened, desks: own }, async (desk) => [await readOutbox(desk)]);
  const views = [...answers, ...silent.filter(({ service }) => hasOutbox(service))];
  return desks.services.flatMap((name) => views.find(({ service }) => service === name) ?? []);
}

/** Throws a problem where no outbox of that service is known, or its database does not answer. */
export async function openOutbox(desks: Desks, service: string): Promise<Desk["database"]> {
  if (!hasOutbox(service)) throw problem(404, "Not Found", { detail: `No outbox of ${service} is known` });
  return (await openOne(desks, service)).database;
}

async function readOutbox({ service, database }: Desk): Promise<OutboxView> {
  const [states, actions] = await Promise.all([readStates(database), readActions(database, { most: 5 })]);
  const destinations = states.map(async (state) => ({
    ...state,
    each: await readLanesOf(database, state.destination),
    keys: state.parkedKeys > 0 ? await readParkedKeysOf(database, state.destination) : [],
  }));
  return { service, destinations: await Promise.all(destinations), actions };
}
