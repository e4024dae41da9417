import { expect, test } from "vitest";
import { examine } from "./examine.ts";
import { hasPgbouncer, startPgbouncer } from "./pgbouncer-under-test.ts";
import { configOf, faultsIn, openDatabaseScene } from "./scene-under-test.ts";

const config = configOf();
const guarded = (url: string) => `${url}?idle_in_transaction_session_timeout=60000`;

test("a database as the migrations make it holds", async () => {
  await using scene = await openDatabaseScene({ url: guarded });
  expect(faultsIn({ config, database: await scene.facts() })).toEqual([]);
});

test("another isolation as default is a contradiction", async () => {
  await using scene = await openDatabaseScene({ url: guarded });
  const name = new URL(scene.url).pathname.slice(1);
  await scene.execute(`alter database ${name} set default_transaction_isolation = 'repeatable read'`);
  const database = await scene.facts();
  expect(database.isolation).toBe("repeatable read");
  expect(faultsIn({ config, database })).toContain("isolation");
});

test("a transaction that may pause for ever is suspicious", async () => {
  await using scene = await openDatabaseScene();
  expect(faultsIn({ config, database: await scene.facts() })).toEqual(["idle-in-transaction"]);
});

test("a pool larger than the server is a contradiction", async () => {
  await using scene = await openDatabaseScene({ url: guarded });
  const database = await scene.facts();
  expect(faultsIn({ config: { ...config, databasePoolSize: 1_000 }, database })).toEqual(["connections"]);
});

test.each([
  ["alter table outbox disable trigger outbox_pin", /Log outbox has no log_pin trigger/],
  ["alter sequence outbox_position_seq cache 10", /outbox_position_seq has cache 10/],
  ["alter table events disable trigger all", /Log events has no log_pin trigger/],
])("a log without its register is a contradiction: %s", async (statement, reason) => {
  await using scene = await openDatabaseScene({ url: guarded });
  await scene.execute(statement);
  const database = await scene.facts();
  expect(database.brokenLogs).toEqual([expect.stringMatching(reason)]);
  expect(faultsIn({ config, database })).toEqual(["log-register"]);
});

test("lanes that were changed while rows wait are a contradiction", async () => {
  await using scene = await openDatabaseScene({ url: guarded });
  await scene.execute(
    "insert into log_cursors (log, reader, lane) values ('outbox', 'kafka', 0), ('outbox', 'kafka', 1)",
  );
  expect(faultsIn({ config, database: await scene.facts() })).toEqual([]);
  await scene.execute("select nextval('outbox_position_seq')");
  expect(faultsIn({ config, database: await scene.facts() })).toEqual(["relay-lanes"]);
});

test("a destination that was left with rows behind it is suspicious", async () => {
  await using scene = await openDatabaseScene({ url: guarded });
  await scene.execute("insert into log_cursors (log, reader, lane) values ('outbox', 'sns-sqs', 0)");
  await scene.execute("select nextval('outbox_position_seq')");
  expect(faultsIn({ config, database: await scene.facts() })).toEqual(["forgotten-destination"]);
});

test("a destination that has been away for more than a day is suspicious", async () => {
  await using scene = await openDatabaseScene({ url: guarded });
  await scene.execute("insert into log_cursors (log, reader, lane) values ('outbox', 'kafka', 0)");
  await scene.execute(`
    insert into outbox (created_at, key, type, id, version, "timestamp", source, sequence, correlation_id, wire)
    values (now() - interval '23 hours', 'o-1', 'order.created', '1', '1', '', 'order', 1, '', '{}')`);
  expect(faultsIn({ config, database: await scene.facts() })).toEqual([]);
  await scene.execute("update outbox set created_at = now() - interval '25 hours'");
  expect(faultsIn({ config, database: await scene.facts() })).toEqual(["late-destination"]);
});

test("an inbox that forgets before a message can come for the last time is a contradiction", async () => {
  await using scene = await openDatabaseScene({ url: guarded });
  const addDay = async (daysAgo: number) => {
    const from = new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10);
    await scene.execute(`create table processed_messages_${from.replaceAll("-", "")} partition of processed_messages
      for values from ('${from}') to (date '${from}' + 1)`);
    return await scene.facts();
  };
  // A partition is kept for two days more than its messages are known by.
  const database = await addDay(20 + 2);
  expect(faultsIn({ config, database: await addDay(21 + 2) })).toEqual([]);
  const [finding] = examine({ config, database }).filter(({ state }) => state === "fault");
  expect(finding?.check.id).toBe("inbox-retention");
  expect(finding?.fault).toMatchObject({
    settings: ["retentionDays", "a dead-letter queue"],
    fix: "Let the inbox remember for 21 days, or keep dead letters for fewer",
  });
});

test("clocks that are apart are suspicious", async () => {
  await using scene = await openDatabaseScene({ url: guarded });
  const database = await scene.facts();
  expect(faultsIn({ config, database })).toEqual([]);
  for (const shiftMs of [60_000, -60_000]) {
    const shifted = { ...database, clockAheadMs: database.clockAheadMs + shiftMs };
    expect(faultsIn({ config, database: shifted })).toEqual(["clock-database"]);
  }
});

test.runIf(hasPgbouncer)(
  "a pooler that hands sessions to others is a contradiction, and one that keeps them is none",
  async () => {
    for (const mode of ["transaction", "session"] as const) {
      await using pooler = await startPgbouncer(mode);
      await using scene = await openDatabaseScene({ url: pooler.through });
      const database = await scene.facts();
      expect(database.losesSessions).toBe(mode === "transaction");
      // It drops on the way what each connection asks for, and nobody is told.
      const dropped = ["idle-in-transaction"];
      expect(faultsIn({ config, database })).toEqual(mode === "session" ? dropped : [...dropped, "pooler-mode"]);
    }
  },
);
