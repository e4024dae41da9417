import { openTestDatabase } from "@throughline/local/testing";
import { migrations as log } from "@throughline/log";
import { migrations } from "./index.ts";

/** A database of its own with an empty event store in it. */
export const openTestStore = () => openTestDatabase(log, migrations);
