import { type Database, query } from "@throughline/log";
import { pause } from "./pause.ts";

/** How many lanes of a destination are this relay's, while others run beside it. */
export type Share = {
  /** False where it has as many lanes as are its own. */
  readonly hasRoom: boolean;
  /** Counts a lane as held, until disposed. */
  hold(): Holding;
};

export type Holding = Disposable & {
  /** The lane is another relay's share: it is to be given up between two batches. */
  readonly isExcess: boolean;
};

export type ShareOptions = {
  readonly destination: string;
  readonly owner: string;
  readonly lanes: number;
  readonly leaseMs: number;
  readonly stopping: AbortSignal;
  readonly onError: (error: Error) => void;
};

/**
 * Tells the other relays of a destination that this one runs, and counts them, three times in a lease. Of so many, each
 * has the lanes by their number, rounded up; one that is silent for a lease is not counted. A count that is wrong for a
 * moment leaves lanes unheld for a moment: who may publish is a matter of the lease alone. Also where there is one lane:
 * while a relay is known to run, nobody takes its types away.
 */
export function watchShare(
  database: Database,
  options: ShareOptions,
): { readonly share: Share; readonly watch: Promise<void> } {
  const { lanes, leaseMs, stopping, onError } = options;
  const held = new Set<Holding>();
  let most = lanes;

  async function watch(): Promise<void> {
    while (!stopping.aborted) {
      try {
        most = Math.ceil(lanes / (await countRelays(database, options)));
      } catch (cause) {
        onError(new Error(`The relays of ${options.destination} were not counted, and keep their lanes`, { cause }));
      }
      await pause(leaseMs / 3, stopping);
    }
    await leave(database, options).catch(onError);
  }

  const share: Share = {
    get hasRoom() {
      return held.size < most;
    },
    hold() {
      const holding: Holding = {
        get isExcess() {
          return [...held].indexOf(holding) >= most;
        },
        [Symbol.dispose]: () => void held.delete(holding),
      };
      held.add(holding);
      return holding;
    },
  };
  return { share, watch: watch() };
}

async function countRelays(database: Database, { destination, owner, leaseMs }: ShareOptions): Promise<number> {
  const [row] = await query<{ relays: number }>(
    database,
    "outbox_count_relays",
    `with here as (
       insert into outbox_relays (destination, owner, seen_until)
       values ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
       on conflict (destination, owner) do update set seen_until = excluded.seen_until
     ), gone as (
       delete from outbox_relays where seen_until < clock_timestamp() - interval '1 hour'
     )
     select 1 + count(*)::int as relays from outbox_relays
     where destination = $1 and owner <> $2 and seen_until > clock_timestamp()`,
    [destination, owner, leaseMs],
  );
  return row?.relays ?? 1;
}

/** From now on nobody counts with the relay. */
export async function leave(
  database: Database,
  { destination, owner }: Pick<ShareOptions, "destination" | "owner">,
): Promise<void> {
  const text = "delete from outbox_relays where destination = $1 and owner = $2";
  await query(database, "outbox_leave", text, [destination, owner]);
}
