import { type Database, query, readLanes, rewindCursor, type Transaction } from "@throughline/log";
import { noteAction } from "./actions.ts";
import { outboxLog } from "./outbox-log.ts";
import { type Place, positionOf, unhurried } from "./place.ts";
import { isOfLane, lanesOfDestination } from "./status.ts";

/** What a replay would send again. */
export type Preview = {
  /** The position to go back to. */
  readonly from: number;
  readonly messages: number;
  /** The most frequent first. */
  readonly types: readonly { readonly type: string; readonly messages: number }[];
  /** When the first and the last of them were written; absent where there is none. */
  readonly period?: { readonly from: Date; readonly to: Date };
  /** Present where something of what was asked for may be gone: what was written before is no longer kept. */
  readonly keptSince?: Date;
};

/** A replay that has begun. */
export type Replay = {
  /** Positions that are gone through again, over all lanes; 0 where the destination had not come that far. */
  readonly total: number;
  /** How many of them the relays have done, and whether one is at it. */
  progress(): Promise<{ readonly done: number; readonly isHeld: boolean }>;
};

/** What a destination has had since a place. Changes nothing; rejects where a message that is named is not kept. */
export function previewReplay(database: Database, destination: string, place: Place): Promise<Preview> {
  return unhurried(database, (tx) => preview(tx, destination, place));
}

async function preview(tx: Transaction, destination: string, place: Place): Promise<Preview> {
  const from = await positionOf(tx, place);
  if (from === undefined) throw new Error(`No message ${"id" in place ? place.id : ""} is kept in this outbox`);
  const found = await query<{ type: string; messages: number; first: number; last: number }>(
    tx,
    "outbox_preview",
    `with ${lanesOfDestination}
     select o.type, count(*)::int as messages, ${inMs("min(o.created_at)")} as first, ${inMs("max(o.created_at)")} as last
     from lanes l cross join lateral (
       select type, created_at from outbox o where o.position >= $2 and o.position <= l.position and ${isOfLane}
     ) o group by o.type order by messages desc, o.type`,
    [destination, from],
  );
  const keptSince = await readCut(tx, place);
  return {
    from,
    messages: found.reduce((sum, { messages }) => sum + messages, 0),
    types: found.map(({ type, messages }) => ({ type, messages })),
    ...(found.length > 0 && {
      period: {
        from: new Date(Math.min(...found.map(({ first }) => first))),
        to: new Date(Math.max(...found.map(({ last }) => last))),
      },
    }),
    ...(keptSince && { keptSince }),
  };
}

/**
 * Sends a destination back to a position. Its relays go on from there, with the same ids, so that inboxes know what comes.
 * Lanes that have not come that far stay where they are: nothing is ever skipped. Who did so is kept.
 */
export async function replay(database: Database, destination: string, from: number, by: string): Promise<Replay> {
  const start = Math.max(0, from - 1);
  const rewound = await database.transaction(async (tx) => {
    await noteAction(tx, { action: "replayed", destination, detail: `from position ${from}`, by });
    return rewindCursor(tx, outboxLog, destination, start);
  });
  return {
    total: rewound.reduce((sum, { position }) => sum + position - start, 0),
    async progress() {
      const lanes = new Map((await readLanes(database, outboxLog, destination)).map((each) => [each.lane, each]));
      const done = rewound.map(({ lane, position }) => Math.min(lanes.get(lane)?.position ?? start, position) - start);
      return {
        done: done.reduce((sum, positions) => sum + positions, 0),
        isHeld: rewound.every(({ lane }) => lanes.get(lane)?.isHeld),
      };
    },
  };
}

/** When the oldest message that is kept was written, where older ones have been dropped that are asked for. */
async function readCut(tx: Transaction, place: Place): Promise<Date | undefined> {
  const [oldest] = await query<{ position: number; since: number }>(
    tx,
    "outbox_oldest_kept",
    `select position::float8 as position, ${inMs("created_at")} as since from outbox
     where to_regclass('outbox_p1') is null order by outbox.position limit 1`,
  );
  if (oldest === undefined || "id" in place) return undefined;
  const since = new Date(oldest.since);
  return (place instanceof Date ? place < since : place.position < oldest.position) ? since : undefined;
}

function inMs(moment: string): string {
  return `(extract(epoch from ${moment}) * 1000)::float8`;
}
