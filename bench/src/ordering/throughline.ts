/** The in-flight register of the log. */
import { type Log, migrations, readLog } from "@throughline/log";
import { migrate, openDatabase } from "@throughline/service";
import type { Measure, Place, Round } from "../harness/bench.ts";
import { type Row, stress } from "./stress.ts";

const notes: Log = { table: "notes", sequence: "notes_position_seq", namespace: 20_001 };
const columns = { name: "follow", columns: "writer, number" };

const trigger = `create trigger notes_pin before insert on notes
  for each statement execute function log_pin('notes_position_seq', 20001)`;

export const measure: Measure = (place) => stressLog(place, trigger);

export async function stressLog(place: Place, guard: string): Promise<Round> {
  const config = { service: "bench", logLevel: "warn", databasePoolSize: 2, handlerTimeoutMs: 60_000 };
  await using database = await openDatabase({ ...config, databaseUrl: place.databaseUrl });
  await migrate(database, [migrations]);
  return await stress(place, {
    create: (pool) =>
      pool.query(`create sequence notes_position_seq as bigint cache 1;
        create table notes (position bigint primary key default nextval('notes_position_seq'), writer int, number int);
        ${guard}`),
    follow() {
      let after = 0;
      return async () => {
        const { rows, upTo } = await readLog<Row>(database.handle, notes, columns, { after });
        after = upTo;
        return rows;
      };
    },
  });
}
