import { type ClaimStore, migrations as claimsMigrations, postgresClaims, provideClaims } from "@throughline/claims";
import { parseEnvelope } from "@throughline/envelope";
import { openTestDatabase } from "@throughline/local/testing";
import { type Database, query } from "@throughline/log";
import { expect, test } from "vitest";
import { enqueue } from "./index.ts";
import { openOutbox, readWires, tell, told } from "./outbox-under-test.ts";

const big = { report: `ü${"x".repeat(1024 * 1024)}` };
const afterToday = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);

test("a body that is too big to travel stays behind, and the row has its reference", async () => {
  await using outbox = await openOutbox();
  await using claims = await openClaims();
  using _ = provideClaims(claims.store);
  await tell(outbox.database, told("o-1", "small"), told("o-2", big));
  const [small, reference] = (await readWires(outbox.database)).map(parseEnvelope);
  expect(small).toMatchObject({ key: "o-1", data: "small" });
  expect(reference).toMatchObject({ key: "o-2", sequence: 1, data: null });
  expect(await bodiesIn(claims.database)).toEqual([{ reference: reference?.dataref, body: JSON.stringify(big) }]);
});

test("a body that is told of twice is kept once", async () => {
  await using outbox = await openOutbox();
  await using claims = await openClaims();
  using _ = provideClaims(claims.store);
  await tell(outbox.database, told("o-1", big), told("o-2", big));
  await tell(outbox.database, told("o-3", big));
  const references = new Set((await readWires(outbox.database)).map((wire) => parseEnvelope(wire).dataref));
  // Two, where the day changed in the middle.
  expect(await bodiesIn(claims.database)).toHaveLength(references.size);
});

test("where its place cannot take the body, nothing is told", async () => {
  await using outbox = await openOutbox();
  const full: ClaimStore = {
    put: () => Promise.reject(new Error("no space left")),
    get: async () => undefined,
    removeBefore: async () => {},
  };
  using _ = provideClaims(full);
  await expect(tell(outbox.database, told("o-1"), told("o-2", big))).rejects.toThrow("no space left");
  expect(await readWires(outbox.database)).toEqual([]);
});

test("nothing is told of a body that arrives when its transaction has ended", async () => {
  await using outbox = await openOutbox();
  const [putting, arrived] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const slow: ClaimStore = {
    put() {
      putting.resolve();
      return arrived.promise;
    },
    get: async () => undefined,
    removeBefore: async () => {},
  };
  using _ = provideClaims(slow);
  let telling: Promise<void> | undefined;
  const undone = outbox.database.transaction(async (tx) => {
    telling = enqueue(tx, "order-service", [told("o-1", big)]);
    await putting.promise;
    throw new Error("undone");
  });
  await expect(undone).rejects.toThrow("undone");
  // It gets the same connection.
  await outbox.database.transaction(async (tx) => {
    await tx.execute("select 1");
    arrived.resolve();
    await expect(telling).rejects.toThrow("Its transaction has ended");
  });
  expect(await readWires(outbox.database)).toEqual([]);
});

test("a body whose teller died before the row was written is removed with its day, and no other", async () => {
  await using outbox = await openOutbox();
  await using claims = await openClaims();
  const pids: number[] = [];
  const dying: ClaimStore = {
    ...claims.store,
    async put(reference, body) {
      await claims.store.put(reference, body);
      for (const pid of pids) await query(outbox.database, "die", "select pg_terminate_backend($1, 5000)", [pid]);
    },
  };
  using _ = provideClaims(dying);
  const telling = outbox.database.transaction(async (tx) => {
    const [backend] = await query<{ pid: number }>(tx, "pid", "select pg_backend_pid() as pid");
    pids.push(backend?.pid ?? 0);
    await enqueue(tx, "order-service", [told("o-1", big)]);
  });
  await expect(telling).rejects.toThrow();
  expect(await readWires(outbox.database)).toEqual([]);
  const [orphan] = await bodiesIn(claims.database);
  expect(orphan?.body).toBe(JSON.stringify(big));

  await claims.store.removeBefore(orphan?.reference.slice(0, 10) ?? "");
  expect(await bodiesIn(claims.database)).toHaveLength(1);
  await claims.store.removeBefore(afterToday);
  expect(await bodiesIn(claims.database)).toEqual([]);
});

async function openClaims(): Promise<{ readonly database: Database; readonly store: ClaimStore } & AsyncDisposable> {
  const opened = await openTestDatabase(claimsMigrations);
  return { ...opened, store: postgresClaims(opened.database) };
}

function bodiesIn(database: Database): Promise<{ reference: string; body: string }[]> {
  return query(database, "bodies", "select reference, convert_from(body, 'utf8') as body from claims");
}
