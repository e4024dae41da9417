import { defaultLanes } from "@throughline/outbox";
import { type Check, checkOf } from "./check.ts";
import { clockFault } from "./clock.ts";
import { deadLetterDays, forgetfulness } from "./days.ts";

/** Checks that ask the database of a service. */
export const checksOfDatabase: readonly Check[] = [
  checkOf(
    "database",
    {
      id: "isolation",
      name: "Transactions are read committed: a log is read in newer and newer snapshots.",
      severity: "contradiction",
    },
    ({ isolation }) =>
      isolation === "read committed"
        ? undefined
        : {
            settings: ["default_transaction_isolation", "the logs"],
            conflict: `default_transaction_isolation is ${isolation}, and log_limit refuses that`,
            consequence: "the relay stands still, and handlers fail on rows that others change at the same time",
            fix: "alter database … set default_transaction_isolation = 'read committed', and for the role likewise",
          },
  ),
  checkOf(
    "database",
    {
      id: "idle-in-transaction",
      name: "The database ends a transaction that pauses for too long.",
      severity: "suspicion",
    },
    ({ idleInTransactionMs }, { config }) =>
      idleInTransactionMs > 0
        ? undefined
        : {
            settings: ["idle_in_transaction_session_timeout", "HANDLER_TIMEOUT_MS"],
            conflict: `idle_in_transaction_session_timeout is 0, although each connection asks for 2 × HANDLER_TIMEOUT_MS (${config.handlerTimeoutMs})`,
            consequence:
              "one transaction that hangs holds back every reader of the logs for ever; a pooler drops it on the way",
            fix: "Set it on the server or for the role: alter role … set idle_in_transaction_session_timeout = '60s'",
          },
  ),
  checkOf(
    "database",
    {
      id: "pooler-mode",
      name: "A connection keeps its session: no pooler hands it to others between transactions.",
      severity: "contradiction",
    },
    ({ losesSessions }) =>
      losesSessions
        ? {
            settings: ["pool_mode of the pooler", "DATABASE_URL"],
            conflict: "DATABASE_URL leads to a pooler with pool_mode = transaction",
            consequence:
              "statements prepared by name are not found again, and the lock that lets one process migrate holds nobody back",
            fix: "Set pool_mode = session for this database, or connect to the server itself",
          }
        : undefined,
  ),
  checkOf(
    "database",
    {
      id: "connections",
      name: "The server has the connections that the pool may ask for.",
      severity: "contradiction",
    },
    ({ connections }, { config: { databasePoolSize } }) =>
      databasePoolSize <= connections
        ? undefined
        : {
            settings: ["DATABASE_POOL_SIZE", "max_connections"],
            conflict: `DATABASE_POOL_SIZE (${databasePoolSize}) is more than the ${connections} connections that max_connections leaves for everybody`,
            consequence: "at the height of load, connecting fails, here and in every other service",
            fix: "Lower it, or raise max_connections",
          },
  ),
  checkOf(
    "database",
    {
      id: "log-register",
      name: "Every log has its register, and its sequence stands where its table does.",
      severity: "contradiction",
    },
    ({ brokenLogs: [fault] }) =>
      fault === undefined
        ? undefined
        : {
            settings: ["the log_pin trigger and sequence", "the log's table"],
            conflict: fault.replace(/[.:].*/s, ""),
            consequence: "readers would lose rows, silently",
            fix: fault.replace(/^[^.:]*[.:]\s*/s, ""),
          },
  ),
  checkOf(
    "database",
    {
      id: "relay-lanes",
      name: "A destination has as many lanes as the relay was given, while rows wait.",
      severity: "contradiction",
    },
    ({ destinations }) => {
      const other = destinations.find(({ lanes, lag }) => lanes !== defaultLanes && lag > 0);
      if (other === undefined) return undefined;
      return {
        settings: ["lanes of the relay", "log_cursors"],
        conflict: `The relay has ${defaultLanes} lane, and ${other.destination} has cursors of ${other.lanes} in log_cursors with ${other.lag} rows behind them`,
        consequence: "the relay refuses to start: rows of one key would be in two lanes at once",
        fix: "Stop all relays, then replace its rows in log_cursors by one at the lowest of their positions",
      };
    },
  ),
  checkOf(
    "database",
    {
      id: "forgotten-destination",
      name: "Whoever has a cursor in the outbox is still a road of this service.",
      severity: "suspicion",
    },
    ({ destinations }, { config: { publishTo, workOn } }) => {
      const roads: readonly string[] = [...publishTo, ...workOn];
      const forgotten = destinations.find(({ destination, lag }) => !roads.includes(destination) && lag > 0);
      if (forgotten === undefined) return undefined;
      return {
        settings: ["PUBLISH_TO", "log_cursors"],
        conflict: `PUBLISH_TO and WORK_ON are ${roads.join(",") || "none"}, and ${forgotten.destination} has a cursor in log_cursors with ${forgotten.lag} rows behind it`,
        consequence:
          "these rows never leave by that road, and no partition of the outbox is dropped while it stands there",
        fix: `Take the road again until it is empty, or give the rows up: npm run outbox -- forget --destination ${forgotten.destination}`,
      };
    },
  ),
  checkOf(
    "database",
    {
      id: "late-destination",
      name: "Whatever was written a day ago has left by every road.",
      severity: "suspicion",
    },
    ({ destinations }) => {
      const late = destinations.find(({ oldestMs }) => oldestMs > 86_400_000);
      if (late === undefined) return undefined;
      return {
        settings: ["PUBLISH_TO", "the outbox"],
        conflict: `Messages wait for ${late.destination}, the oldest for ${Math.floor(late.oldestMs / 3_600_000)} hours`,
        consequence: "no partition of the outbox is dropped before they have left, and the disk fills",
        fix: "npm run outbox -- status tells what holds them back; with forget they are given up",
      };
    },
  ),
  checkOf(
    "database",
    {
      id: "inbox-retention",
      name: "The inbox remembers a message for longer than dead letters and the replay window can bring it again.",
      severity: "contradiction",
    },
    ({ inboxDays }) => forgetfulness(deadLetterDays, "a dead-letter queue", inboxDays),
  ),
  checkOf(
    "database",
    { id: "clock-database", name: "The clocks of process and database agree.", severity: "suspicion" },
    ({ clockAheadMs }) => clockFault("the database", clockAheadMs),
  ),
];
