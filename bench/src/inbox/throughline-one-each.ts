/** The inbox, made to commit each message alone. */
import type { Measure } from "../harness/bench.ts";
import { consumer } from "./consumer.ts";
import { measureInbox } from "./measure-inbox.ts";

export const measure: Measure = ({ databaseUrl }) =>
  measureInbox(databaseUrl, 1_500, consumer({ concurrency: 1, batchSize: 1 }));
