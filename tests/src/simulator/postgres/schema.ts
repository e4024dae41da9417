import type { Transaction } from "./engine.ts";
import { createTable, type Table } from "./table.ts";

export type CursorRow = {
  readonly reader: string;
  readonly lane: number;
  readonly position: number;
  readonly epoch: number;
  readonly owner: string | null;
  readonly leasedUntil: number | null;
};
/** Null where it gets all types. */
export type DestinationRow = { readonly destination: string; readonly types: readonly string[] | null };
export type OutboxRow = {
  readonly position: number;
  readonly slot: number;
  readonly key: string;
  readonly type: string;
  readonly id: string;
  readonly version: string;
  readonly timestamp: string;
  readonly source: string;
  readonly sequence: number;
  readonly correlationId: string;
  readonly causationId: string | null;
  readonly traceparent: string | null;
  readonly wire: string;
};
export type ParkedKeyRow = {
  readonly destination: string;
  readonly key: string;
  readonly slot: number;
  readonly attempts: number;
  readonly retryAt: number;
  readonly error: string | null;
};
export type ParkedRow = OutboxRow & { readonly destination: string };
export type DeadRow = ParkedRow & { readonly attempts: number; readonly error: string };
export type HandledRow = { readonly consumer: string; readonly id: string };
/** What a handler did, once for each time it did it. */
export type EffectRow = { readonly consumer: string; readonly id: string };
/** An order has an id of its own each time that it is placed, and the name that its client has for it. */
export type OrderRow = { readonly name: string; readonly messages: readonly string[] };

export type Schema = {
  readonly cursors: Table<CursorRow>;
  readonly destinations: Table<DestinationRow>;
  readonly relays: Table<{ readonly destination: string; readonly owner: string; readonly seenUntil: number }>;
  readonly outbox: Table<OutboxRow>;
  readonly sequences: Table<{ readonly last: number }>;
  readonly parkedKeys: Table<ParkedKeyRow>;
  readonly parked: Table<ParkedRow>;
  readonly dead: Table<DeadRow>;
  readonly handled: Table<HandledRow>;
  readonly effects: Table<EffectRow>;
  readonly orders: Table<OrderRow>;
  /** `outbox_position_seq`: no transaction can undo it. */
  lastPosition: number;
  /** The register of the log: what each open transaction draws is above. */
  readonly pins: Map<Transaction, number>;
};

export function createSchema(): Schema {
  return {
    cursors: createTable(),
    destinations: createTable(),
    relays: createTable(),
    outbox: createTable(),
    sequences: createTable(),
    parkedKeys: createTable(),
    parked: createTable(),
    dead: createTable(),
    handled: createTable(),
    effects: createTable(),
    orders: createTable(),
    lastPosition: 0,
    pins: new Map(),
  };
}

/** Stands in for `hashtext(key) & 255`. */
export function slotOf(key: string): number {
  let hash = 0;
  for (let index = 0; index < key.length; index++) hash = (Math.imul(hash, 31) + key.charCodeAt(index)) | 0;
  return hash & 255;
}
