import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres } from "@throughline/local/brokers";
import { freeBasePort } from "@throughline/local/ports";
import { connect } from "@throughline/local/testing";
import { migrate } from "drizzle-orm/node-postgres/migrator";
import { expect, test } from "vitest";
import { migrations, readLimit, readLog } from "./index.ts";

const notes = { table: "notes", sequence: "notes_position_seq", namespace: 20_002 };

test("a standby, which does not show who is still writing, may not read the log", async () => {
  await using opened = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), "throughline-"));
  opened.defer(() => rm(dataDir, { recursive: true }));
  const start = async () => startPostgres({ port: (await freeBasePort()) + 10, dataDir, log: () => {}, fsync: false });
  {
    await using primary = await start();
    await using opened = connect(primary.url);
    await migrate(opened.database, { migrationsFolder: migrations.folder });
    await opened.database.execute("create sequence notes_position_seq; create table notes (position bigint)");
    expect(await readLimit(opened.database, notes)).toBe(0);
  }
  await writeFile(join(dataDir, "data", "standby.signal"), "");
  const standby = opened.use(await start());
  const { database } = opened.use(connect(standby.url));
  const reading = readLog(database, notes, { name: "read_notes", columns: "position" }, { after: 0 });
  await expect(reading).rejects.toThrow("A log is read on the primary");
}, 120_000);
