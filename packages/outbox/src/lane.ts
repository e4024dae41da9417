import { channel } from "node:diagnostics_channel";
import { setImmediate } from "node:timers/promises";
import { allEnded, claimCursor, type Database } from "@throughline/log";
import type { Destination } from "./destination.ts";
import type { ParkingPolicy } from "./judge.ts";
import { keepLease, type Lease } from "./lease.ts";
import { outboxLog } from "./outbox-log.ts";
import { openParking, type Parking } from "./parking.ts";
import { pause } from "./pause.ts";
import { publishAll } from "./publish-all.ts";
import { type Page, readPage } from "./read-page.ts";
import type { Holding, Share } from "./share.ts";
import type { Tail } from "./tail.ts";

/** The messages of one destination whose keys fall into one share. */
export type Lane = {
  readonly database: Database;
  readonly destination: Destination;
  readonly tail: Tail;
  readonly share: Share;
  /** 0 to `lanes` - 1. */
  readonly number: number;
  readonly lanes: number;
  readonly owner: string;
  /** Messages in a page, at most. */
  readonly batchSize: number;
  /** Bytes in a page, at most, unless it is of one message. */
  readonly pageBytes: number;
  readonly leaseMs: number;
  readonly policy: ParkingPolicy;
  readonly stopping: AbortSignal;
  readonly onError: (error: Error) => void;
};

const maxRestMs = 50;
const afterRead = channel("throughline:relay.after_read");
const afterPublish = channel("throughline:relay.after_publish");

/** Keeps a lane flowing whenever no other relay does and it is this one's share, until the relay stops. Never rejects. */
export async function runLane(lane: Lane): Promise<void> {
  const { destination, number, leaseMs, stopping, onError } = lane;
  while (!stopping.aborted) {
    try {
      if (!(await holdLane(lane))) await pause(leaseMs / 3, stopping);
    } catch (error) {
      onError(new Error(`Lane ${number} of ${destination.name} was interrupted`, { cause: error }));
      await pause(500, stopping);
    }
  }
}

/** False where the lane is not to be had, or would be more than the share. */
async function holdLane(lane: Lane): Promise<boolean> {
  const { database, tail, destination, number, owner, leaseMs, share, onError } = lane;
  if (!share.hasRoom) return false;
  using holding = share.hold();
  const askedAt = performance.now();
  const cursor = await claimCursor(database, outboxLog, { reader: destination.name, lane: number, owner, leaseMs });
  if (cursor === undefined) return false;
  tail.forget();
  await using lease = keepLease(database, cursor, { leaseMs, askedAt, onError });
  await flow(lane, lease, holding);
  return true;
}

async function flow(lane: Lane, lease: Lease, holding: Holding): Promise<void> {
  const parking = await openParking(lane);
  const hands = { lane, lease, parking };
  const isOver = () => lane.stopping.aborted || holding.isExcess;
  while (!isOver()) {
    await lease.confirm();
    if (parking.isDue()) await parking.retry(lease);
    const page = await readPage(lane, lease.position, lease.server);
    if (page.upTo > lease.position) {
      const startedAt = performance.now();
      let { next, moving } = await relayPage(hands, page);
      while (next && !isOver() && !parking.isDue()) ({ next, moving } = await relayPage(hands, next, moving));
      await moving;
      // Rests twice as long as it worked: the busier the machine, the more messages share a publish. The first never waits.
      if (page.rows.length > 0) await pause(Math.min(2 * (performance.now() - startedAt), maxRestMs), lane.stopping);
    } else await lane.tail.beyond(lease.position, Math.min(parking.dueInMs(), lane.leaseMs), lease.over);
  }
}

type Relayed = {
  /** The page behind it, where there is one. */
  readonly next?: Page | undefined;
  /** The cursor's move past it. */
  readonly moving?: Promise<void>;
};

/**
 * Publishes a page. Meanwhile the cursor goes on `moving` past the page before, and the page behind is read: what a relay
 * that dies has published, and its successor publishes again, is two pages at most.
 */
async function relayPage(
  { lane, lease, parking }: { readonly lane: Lane; readonly lease: Lease; readonly parking: Parking },
  page: Page,
  moving?: Promise<void>,
): Promise<Relayed> {
  if (page.rows.length > 0) afterRead.publish(undefined);
  const flowing = parking.keys.size === 0 ? page.rows : page.rows.filter(({ key }) => !parking.keys.has(key));
  const reading = page.isFull ? readPage(lane, page.upTo, lease.server) : undefined;
  // The pool sends it when this turn of the event loop is over: Postgres reads while the messages are made.
  const sent = reading && setImmediate();
  const publishing = sent ? sent.then(() => publishAll(lane, lease, flowing)) : publishAll(lane, lease, flowing);
  const [staying, behind] = await allEnded([publishing, reading, moving]);
  if (staying === undefined) return {};
  if (flowing.length > 0) afterPublish.publish(undefined);
  const next = behind === undefined || behind.upTo === page.upTo ? undefined : behind;
  const isParking = staying.size > 0 || parking.keys.size > 0;
  const parked = isParking ? page.rows.filter(({ id, key }) => staying.has(id) || parking.keys.has(key)) : [];
  if (parked.length === 0) return { next, moving: lease.move(lane.database, page.upTo) };
  await parking.park(lease, parked, staying, page.upTo);
  return { next };
}
