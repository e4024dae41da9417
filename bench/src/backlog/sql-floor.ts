import { withDrain } from "../drain/sql-floor.ts";
import type { Measure } from "../harness/bench.ts";
import { measureBacklogs } from "./measure-backlogs.ts";

export const measure: Measure = ({ databaseUrl }) =>
  withDrain(databaseUrl, (drain) => measureBacklogs(databaseUrl, drain));
