import { type Cursor, type Database, moveCursor, releaseCursor, renewCursor, type Transaction } from "@throughline/log";

/** A claimed cursor, kept claimed until disposed. */
export type Lease = AsyncDisposable & {
  /** The lane is done up to here. */
  readonly position: number;
  /** Of which server the position is. */
  readonly server: number;
  /**
   * Throws where another relay has claimed the lane since, it was sent back or the server is another: then nothing has
   * moved, and nothing more is to be sent than what was under way meanwhile, which may be the page behind.
   */
  move(handle: Database | Transaction, position: number): Promise<void>;
  /** Throws likewise; asks the database only where the lease may have run out, as after a pause of the whole process. */
  confirm(): Promise<void>;
  /** Aborts as soon as it is known that the lane went to somebody else, or was sent back. */
  readonly over: AbortSignal;
};

export type LeaseOptions = {
  readonly leaseMs: number;
  /** When the claim was asked for, by `performance.now()`: its answer may have been long on the way. */
  readonly askedAt: number;
  readonly onError: (error: Error) => void;
};

/** Renews the lease of a cursor in the background, by a clock of this process that no one sets. */
export function keepLease(database: Database, claimed: Cursor, { leaseMs, askedAt, onError }: LeaseOptions): Lease {
  let cursor = claimed;
  let endsAt = askedAt + leaseMs;
  let renewal: Promise<void> = Promise.resolve();
  const over = new AbortController();

  async function renew(): Promise<void> {
    const askedAt = performance.now();
    if (!(await renewCursor(database, cursor, { leaseMs }))) throw lost();
    endsAt = askedAt + leaseMs;
  }

  function lost(): Error {
    over.abort();
    const { reader, lane, epoch } = cursor;
    return new Error(
      `Lane ${lane} of ${reader} went to another relay, was sent back or is of another server: the lease of epoch ${epoch} is over`,
    );
  }

  /** That a lane is lost is told by whoever has it in hand. */
  function tell(error: Error): void {
    if (!over.signal.aborted) onError(error);
  }

  const heartbeat = setInterval(() => {
    renewal = renewal.then(renew).catch(tell);
  }, leaseMs / 3);

  return {
    get position() {
      return cursor.position;
    },
    server: claimed.server,
    async move(handle, position) {
      const askedAt = performance.now();
      const moved = await moveCursor(handle, cursor, position, { leaseMs });
      if (moved === undefined) throw lost();
      cursor = moved;
      endsAt = askedAt + leaseMs;
    },
    async confirm() {
      if (over.signal.aborted) throw lost();
      if (performance.now() > endsAt) await renew();
    },
    over: over.signal,
    async [Symbol.asyncDispose]() {
      clearInterval(heartbeat);
      await renewal;
      await releaseCursor(database, cursor);
    },
  };
}
