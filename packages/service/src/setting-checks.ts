import type { Config } from "./config.ts";
import { placeOf } from "./database-place.ts";

/** Two settings that cannot be meant together. */
export type Fault = {
  /** Their names: of variables, or of what is set on a broker or a database. */
  readonly settings: readonly [string, string];
  /** What they are, and how that conflicts. */
  readonly conflict: string;
  /** What would happen. */
  readonly consequence: string;
  readonly fix: string;
};

/** One thing that must hold between the settings of a process, whatever brokers and databases it meets. */
export type SettingCheck = {
  readonly id: string;
  /** What must hold, as a sentence. */
  readonly name: string;
  check(config: Config): Fault | undefined;
};

/** A process that breaks one of these refuses to start. */
export const settingChecks: readonly SettingCheck[] = [
  {
    id: "visibility-timeout",
    name: "SQS hides a message for at least six times as long as a handler may take.",
    check({ handlerTimeoutMs, snsSqs: { visibilityTimeoutSeconds }, consumeFrom, workOn }) {
      const takesFromSqs = [...consumeFrom, ...workOn].some((road) => road.startsWith("sns-sqs"));
      if (!takesFromSqs || visibilityTimeoutSeconds * 1_000 >= 6 * handlerTimeoutMs) return undefined;
      return {
        settings: ["SQS_VISIBILITY_TIMEOUT_SECONDS", "HANDLER_TIMEOUT_MS"],
        conflict: `SQS_VISIBILITY_TIMEOUT_SECONDS (${visibilityTimeoutSeconds}) is shorter than 6 × HANDLER_TIMEOUT_MS (${handlerTimeoutMs})`,
        consequence: "SQS would hand out a message that is still being handled",
        fix: `Raise it to ${Math.ceil((6 * handlerTimeoutMs) / 1_000)} or lower the other`,
      };
    },
  },
  {
    id: "shutdown-grace",
    name: "A process has the time to end its handlers before it is ended itself.",
    check({ shutdownGraceMs, handlerTimeoutMs }) {
      if ((shutdownGraceMs * 3) / 4 >= handlerTimeoutMs) return undefined;
      return {
        settings: ["SHUTDOWN_GRACE_MS", "HANDLER_TIMEOUT_MS"],
        conflict: `SHUTDOWN_GRACE_MS (${shutdownGraceMs}), less the quarter for requests in flight, is shorter than HANDLER_TIMEOUT_MS (${handlerTimeoutMs})`,
        consequence: "a handler could not end before the process does",
        fix: `Raise it to ${Math.ceil((handlerTimeoutMs * 4) / 3)} or lower the other`,
      };
    },
  },
  {
    id: "claims-database",
    name: "Big bodies are where all services may read, and not in the database of one.",
    check({ claims, databaseUrl }) {
      if (!claims || !databaseUrl || placeOf(claims.url) !== placeOf(databaseUrl)) return undefined;
      return {
        settings: ["CLAIMS_URL", "DATABASE_URL"],
        conflict: "CLAIMS_URL and DATABASE_URL are the same database",
        consequence: "every other service would read and write in this one's database",
        fix: "Make a database for claims alone",
      };
    },
  },
];

/** One line for a person. */
export function toSentence({ conflict, consequence, fix }: Fault): string {
  return `${conflict}: ${consequence}. ${fix}`;
}
