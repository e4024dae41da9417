/** The inbox with every default: what is in flight at the same time commits together. */
import type { Measure } from "../harness/bench.ts";
import { consumer } from "./consumer.ts";
import { measureInbox } from "./measure-inbox.ts";

export const measure: Measure = ({ databaseUrl }) => measureInbox(databaseUrl, 20_000, consumer({}));
