/** As the services have it: effects of different keys run side by side, so that their statements go out together. */
import type { Measure } from "../harness/bench.ts";
import { consumer } from "./consumer.ts";
import { measureInbox } from "./measure-inbox.ts";

export const measure: Measure = ({ databaseUrl }) =>
  measureInbox(databaseUrl, 20_000, consumer({ keysSideBySide: true }));
