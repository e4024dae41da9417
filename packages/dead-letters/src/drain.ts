import { channel } from "node:diagnostics_channel";
import { metrics } from "@opentelemetry/api";
import type { Database } from "@throughline/log";
import { type DeadLetter, openPersistently, type Transport } from "@throughline/transport";
import { type Alerts, startAlerts } from "./alerts.ts";
import { type Burial, bury, deathOf } from "./bury.ts";
import { takeOwnDead } from "./own-dead.ts";
import { holdKey } from "./parked.ts";
import { pause } from "./pause.ts";
import { type OpenLetters, readStatus } from "./status.ts";

/** Who consumes what, by which roads, as for `startConsumer`. */
export type DrainedGroup = {
  readonly group: string;
  readonly types: readonly string[];
  readonly from: readonly Transport[];
  /** Default: none. */
  readonly parks?: readonly string[];
};

export type DeadLetterOptions = {
  readonly groups: readonly DrainedGroup[];
  /** Where a person is told. Default: nowhere. */
  readonly alerts?: Alerts | undefined;
  /** Told of every failure, because the draining itself goes on. Default: a process warning. */
  readonly onError?: (error: Error) => void;
};

/** Disposing it stops the draining; what it had not kept yet stays where it is. */
export type DeadLetters = AsyncDisposable & {
  /** What waits for a person, by group and road; the brokers' own dead letters are beside it. */
  status(): Promise<OpenLetters[]>;
};

const lookMs = 1_000;
const beforeBury = channel("throughline:dead_letters.before_bury");
const afterBury = channel("throughline:dead_letters.after_bury");

/**
 * Takes what the groups have set aside, what the relays gave up and what died behind a parked key into `dead_letters`,
 * until disposed. A broker forgets a letter only when its row is committed, and a letter that comes twice has one row,
 * so that none is lost and none is doubled wherever the process dies.
 */
export async function startDeadLetters(
  database: Database,
  { groups, alerts, onError = process.emitWarning }: DeadLetterOptions,
): Promise<DeadLetters> {
  const counter = metrics.getMeter("throughline").createCounter("throughline.dead_letters", { unit: "{message}" });
  await using opening = new AsyncDisposableStack();
  const alerting = alerts && opening.use(startAlerts(database, alerts, onError));

  function tell(buried: readonly Burial[]): void {
    for (const { group, road, fingerprint } of buried) {
      const place = { "messaging.consumer.group.name": group, "throughline.road": road };
      counter.add(1, { ...place, "throughline.fingerprint": fingerprint });
    }
    if (buried.length > 0) alerting?.look();
  }
  async function take(letter: DeadLetter, road: string, parks: readonly string[]): Promise<void> {
    beforeBury.publish(undefined);
    const buried = await database.transaction(async (tx) => {
      const burial = await bury(tx, { letter, road, id: deathOf(road, letter) });
      if (burial) await holdKey(tx, letter, parks);
      return burial;
    });
    afterBury.publish(undefined);
    if (buried) tell([buried]);
  }
  opening.use(
    everySoOften(async () => {
      tell(
        await takeOwnDead(
          database,
          groups.map(({ group }) => group),
        ),
      );
    }, onError),
  );
  for (const { group, types, from, parks = [] } of groups) {
    for (const { name, deadLetters } of from) {
      const drain = () => deadLetters.drain(group, types, (letter) => take(letter, name, parks), onError);
      const tellWaiting = (cause: Error) => onError(new Error(`Dead letters of ${group} stay on ${name}`, { cause }));
      // Nobody waits for letters: the service is up before.
      const draining = openPersistently(drain, tellWaiting);
      opening.defer(async () => (await draining)[Symbol.asyncDispose]());
    }
  }
  const opened = opening.move();
  return { status: () => readStatus(database), [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

function everySoOften(work: () => Promise<void>, onError: (error: Error) => void): AsyncDisposable {
  const stopping = new AbortController();
  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await work();
      } catch (cause) {
        onError(new Error(`The dead letters of this database stay where they are: ${cause}`, { cause }));
      }
      await pause(lookMs, stopping.signal);
    }
  }
  const running = run();
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
    },
  };
}
