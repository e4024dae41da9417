import type { DestinationState } from "@throughline/outbox/operation";
import type { Config, Fault } from "@throughline/service";
import type { Settings } from "@throughline/transport/topology";

/** What a check looks at. Where a part could not be reached, it is absent, and its checks are not made. */
export type Scene = {
  readonly config: Config;
  /** The types that the process handles, by group. Absent where nobody who knows them asks. */
  readonly handled?: Readonly<Record<string, readonly string[]>>;
  readonly database?: DatabaseFacts;
  readonly kafka?: BrokerFacts;
  readonly snsSqs?: BrokerFacts;
  readonly rabbitmq?: BrokerFacts;
  /** Absent where not all services are looked at. */
  readonly messages?: MessageFacts;
};

export type DatabaseFacts = {
  /** As sessions of this process have it: `read committed`. */
  readonly isolation: string;
  /** 0 where there is no limit. */
  readonly idleInTransactionMs: number;
  /** Connections that the server gives to everybody together, without those kept for administrators. */
  readonly connections: number;
  /** How far the server's clock is ahead of this process, in milliseconds; negative where it is behind. */
  readonly clockAheadMs: number;
  /** A setting made on a connection was gone when the connection was used again: a pooler handed it to others. */
  readonly losesSessions: boolean;
  /** Why a log cannot be trusted, a sentence for each. */
  readonly brokenLogs: readonly string[];
  /** For how long the inbox remembers what was handled. Absent where there is none. */
  readonly inboxDays?: number | undefined;
  /** Who is told what is in the outbox: how far behind its end, and for how long its oldest message has waited. */
  readonly destinations: readonly Pick<DestinationState, "destination" | "lanes" | "lag" | "oldestMs">[];
};

export type BrokerFacts = {
  /** What was declared and found, by name; undefined where it is missing. */
  readonly found: ReadonlyMap<string, { readonly declared: Settings; readonly found: Settings | undefined }>;
  /** Names of what is missing or has another setting than declared. */
  readonly outOfStep: readonly string[];
  /** What the broker as a whole is set to. Empty where it does not tell. */
  readonly cluster: Settings;
  /** As for the database. Absent where the broker does not tell the time. */
  readonly clockAheadMs?: number;
};

export type MessageFacts = {
  /** Of the newest messages that each group has handled, those that no service here has told. */
  readonly strangers: readonly { readonly group: string; readonly id: string }[];
};

export type Part = "settings" | "database" | "kafka" | "snsSqs" | "rabbitmq" | "messages";

/** One thing that must hold. */
export type Check = {
  readonly id: string;
  /** What must hold, as a sentence. */
  readonly name: string;
  /** A contradiction cannot be meant; a suspicion may be. */
  readonly severity: "contradiction" | "suspicion";
  /** Without which of the parts nothing can be said. */
  readonly needs: Part;
  /** The first fault that is found. */
  check(scene: Scene): Fault | undefined;
};

type Judge<Facts> = (facts: Facts, scene: Scene) => Fault | undefined;
type Words = Pick<Check, "id" | "name" | "severity">;

/** A check of what a part says about itself, in the light of the settings. */
export function checkOf<Needed extends Exclude<Part, "settings">>(
  needs: Needed,
  words: Words,
  judge: Judge<NonNullable<Scene[Needed]>>,
): Check {
  return {
    ...words,
    needs,
    check(scene) {
      const facts = scene[needs];
      return facts === undefined ? undefined : judge(facts as NonNullable<Scene[Needed]>, scene);
    },
  };
}
