import { withDrain } from "../drain/sql-floor.ts";
import type { Measure } from "../harness/bench.ts";
import { measureUnderSnapshot } from "./measure-under-snapshot.ts";

export const measure: Measure = ({ databaseUrl }) =>
  withDrain(databaseUrl, (drain) => measureUnderSnapshot(databaseUrl, drain));
