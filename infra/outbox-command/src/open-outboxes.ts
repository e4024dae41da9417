import { topology } from "@throughline/contracts/topology";
import type { Surroundings } from "@throughline/local/surroundings";
import { type Database, openDatabase, parseConfig } from "@throughline/service";
import { reasonOf } from "@throughline/terminal";

/** The outbox of one service. */
export type Outbox = { readonly service: string; readonly database: Database["handle"] };

/** The outboxes, however many answer. */
export type Outboxes = AsyncDisposable & {
  readonly outboxes: readonly Outbox[];
  /** Those that do not, and why. */
  readonly unavailable: readonly { readonly service: string; readonly reason: string }[];
};

/** Those that tell something. */
export const services: readonly string[] = [...new Set(topology.senders.map(({ service }) => service))].sort();

/** Where DATABASE_URL is set, the outbox of the one service whose it is; else those of what `npm start` runs. */
export async function openOutboxes({ env, databaseOf }: Surroundings, only?: string): Promise<Outboxes> {
  if (databaseOf === undefined && (only === undefined || !env.DATABASE_URL)) {
    throw new Error(`DATABASE_URL is that of one service: set it, and say --service ${services.join("|")}`);
  }
  const names = only === undefined ? services : [only];
  await using opening = new AsyncDisposableStack();
  const outcomes = await Promise.allSettled(
    names.map(async (service) => {
      const url = databaseOf?.(service) ?? env.DATABASE_URL;
      const config = parseConfig({ service, port: 0 }, { DATABASE_URL: url });
      const opened = await openDatabase({ ...config, logLevel: "silent", databasePoolSize: 5 });
      return { service, database: opening.use(opened).handle };
    }),
  );
  const opened = opening.move();
  return {
    outboxes: outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : [])),
    unavailable: outcomes.flatMap((outcome, index) =>
      outcome.status === "rejected" ? [{ service: names[index] ?? "", reason: reasonOf(outcome.reason) }] : [],
    ),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
