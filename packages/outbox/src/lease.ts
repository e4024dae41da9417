import { type Cursor, type Database, moveCursor, releaseCursor, renewCursor, type Transaction } from "@throughline/log";

/** A claimed cursor, kept claimed until disposed. */
export type Lease = AsyncDisposable & {
  /** The lane is done up to here. */
  readonly position: number;
  /** Throws where another relay has claimed the lane since: then nothing has moved and nothing more is to be sent. */
  move(handle: Database | Transaction, position: number): Promise<void>;
  /** Throws likewise; asks the database only where the lease may have run out, as after a pause of the whole process. */
  confirm(): Promise<void>;
};

export type LeaseOptions = { readonly leaseMs: number; readonly onError: (error: Error) => void };

/** Renews the lease of a cursor in the background, by a clock of this process that no one sets. */
export function keepLease(database: Database, claimed: Cursor, { leaseMs, onError }: LeaseOptions): Lease {
  let cursor = claimed;
  let endsAt = performance.now() + leaseMs / 2;
  let renewal: Promise<void> = Promise.resolve();

  async function renew(): Promise<void> {
    const askedAt = performance.now();
    if (!(await renewCursor(database, cursor, { leaseMs }))) throw lost(cursor);
    endsAt = askedAt + leaseMs;
  }

  const heartbeat = setInterval(() => {
    renewal = renewal.then(renew).catch((error) => onError(error));
  }, leaseMs / 3);

  return {
    get position() {
      return cursor.position;
    },
    async move(handle, position) {
      const askedAt = performance.now();
      const moved = await moveCursor(handle, cursor, position, { leaseMs });
      if (moved === undefined) throw lost(cursor);
      cursor = moved;
      endsAt = askedAt + leaseMs;
    },
    async confirm() {
      if (performance.now() > endsAt) await renew();
    },
    async [Symbol.asyncDispose]() {
      clearInterval(heartbeat);
      await renewal;
      await releaseCursor(database, cursor);
    },
  };
}

function lost({ reader, lane, epoch }: Cursor): Error {
  return new Error(`Lane ${lane} of ${reader} went to another relay: the lease of epoch ${epoch} is over`);
}
