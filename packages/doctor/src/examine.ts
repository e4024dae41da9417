import { defaultRetentionDays } from "@throughline/inbox";
import { type Config, type Database, type Fault, toSentence } from "@throughline/service";
import type { Check, Scene } from "./check.ts";
import { checks } from "./checks.ts";
import { readDatabase } from "./database-facts.ts";

export type Finding = {
  readonly check: Check;
  /** `unseen` where its part could not be reached. */
  readonly state: "holds" | "fault" | "unseen";
  readonly fault?: Fault;
};

/** Makes every check for which the scene has what it needs. */
export function examine(scene: Scene): Finding[] {
  return checks.map((check) => {
    if (check.needs !== "settings" && scene[check.needs] === undefined) return { check, state: "unseen" };
    const fault = check.check(scene);
    return fault === undefined ? { check, state: "holds" } : { check, state: "fault", fault };
  });
}

type Logger = { warn(fields: object, message: string): void };

/**
 * For the start of a service, after its migrations: checks what needs no more than its settings, its reactions and its
 * database. Throws where they contradict each other, naming every contradiction; warns of what may be meant.
 */
export async function examineAtStart(
  config: Config,
  {
    database,
    reactions,
    retentionDays = defaultRetentionDays,
    log,
  }: {
    readonly database: Pick<Database, "handle" | "pool">;
    readonly reactions: Readonly<Record<string, readonly { readonly type: string }[]>>;
    /** As `startConsumer` has it: what the inbox keeps follows only after the start. */
    readonly retentionDays?: number;
    readonly log: Logger;
  },
): Promise<void> {
  const handled = Object.fromEntries(
    Object.entries(reactions).map(([group, list]) => [group, list.map(({ type }) => type)]),
  );
  const facts = { ...(await readDatabase(database)), inboxDays: retentionDays };
  const faults = examine({ config, handled, database: facts }).flatMap(({ check, fault }) =>
    fault === undefined ? [] : [{ check, fault }],
  );
  for (const { check, fault } of faults) {
    if (check.severity === "suspicion") log.warn({ check: check.id, settings: fault.settings }, toSentence(fault));
  }
  const contradictions = faults.filter(({ check }) => check.severity === "contradiction");
  if (contradictions.length === 0) return;
  const lines = contradictions.map(({ check, fault }) => `  ${toSentence(fault)} (${check.id}, see docs/doctor.md)`);
  throw new Error(`${config.service} would not work as it is set up:\n${lines.join("\n")}`);
}
