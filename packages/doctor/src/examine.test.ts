import { connect } from "@throughline/local/testing";
import { expect, test } from "vitest";
import { checks, examine, examineAtStart, readDatabase } from "./index.ts";
import { configOf, openDatabaseScene } from "./scene-under-test.ts";

const createLog = () => {
  const warnings: { readonly fields: object; readonly message: string }[] = [];
  return { warnings, warn: (fields: object, message: string) => void warnings.push({ fields, message }) };
};

test("a service with a contradiction refuses to start, and names both settings, the consequence and the fix", async () => {
  await using scene = await openDatabaseScene();
  await scene.execute("alter table outbox disable trigger outbox_pin");
  await using connection = connect(scene.url);
  const database = { handle: connection.database, pool: connection.pool };
  const reactions = { billing: [{ type: "order.created" }] };

  const starting = examineAtStart(configOf(), { database, reactions, log: createLog() });

  await expect(starting).rejects.toThrow(/^billing would not work as it is set up:\n/);
  await expect(starting).rejects.toThrow(/sends order\.cancelled to billing, which does not react.*\(reactions, see/);
  await expect(starting).rejects.toThrow(
    /no log_pin trigger: readers would lose rows, silently. .*\(log-register, see/,
  );
});

test("an inbox that is told to forget too early keeps a service from starting, and one that is told better does not", async () => {
  await using scene = await openDatabaseScene();
  await using connection = connect(scene.url);
  const database = { handle: connection.database, pool: connection.pool };
  const start = (retentionDays: number) =>
    examineAtStart(configOf(), { database, reactions: {}, retentionDays, log: createLog() });
  await expect(start(20)).rejects.toThrow(/remembers for 20 days \(retentionDays\).*\(inbox-retention, see/);
  await scene.execute("select maintain_processed_messages(current_date - 10, current_date)");
  await start(21);
});

test("a suspicion lets it start, and is told", async () => {
  await using scene = await openDatabaseScene();
  await using connection = connect(scene.url);
  const log = createLog();
  const config = configOf({ DATABASE_POOL_SIZE: "10" });
  const database = { handle: connection.database, pool: connection.pool };
  const reactions = {};
  await examineAtStart(config, { database, reactions, log });
  expect(log.warnings.map(({ fields }) => fields)).toEqual([
    { check: "pool-size", settings: ["DATABASE_POOL_SIZE", "HANDLER_CONCURRENCY"] },
    { check: "idle-in-transaction", settings: ["idle_in_transaction_session_timeout", "HANDLER_TIMEOUT_MS"] },
  ]);
  expect(log.warnings[0]?.message).toMatch(
    /^DATABASE_POOL_SIZE \(10\) is less than .*: handlers wait .* Raise it to 14/,
  );
});

test("what could not be reached is unseen", async () => {
  await using scene = await openDatabaseScene();
  await using connection = connect(scene.url);
  const config = configOf();
  const database = { handle: connection.database, pool: connection.pool };
  const findings = examine({ config, database: await readDatabase(database) });
  const unseen = findings.filter(({ state }) => state === "unseen").map(({ check }) => check.needs);
  expect([...new Set(unseen)].sort()).toEqual(["kafka", "messages", "rabbitmq", "snsSqs"]);
});

test("every check has its own id, and says in a sentence what must hold", () => {
  const ids = checks.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.length).toBeGreaterThan(30);
  for (const { name } of checks) expect(name).toMatch(/^[A-Z].*\.$/);
});
