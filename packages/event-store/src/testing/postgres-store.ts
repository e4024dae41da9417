import type { Database } from "@throughline/log";
import { appendToStream, closeStream, decide, loadState, readEvents, readStream } from "../index.ts";
import type { EventStore } from "./event-store.ts";

/** The store as services have it, each call in a transaction of its own. */
export function postgresStore(database: Database): EventStore {
  return {
    appendToStream: (...append) => database.transaction((tx) => appendToStream(tx, ...append)),
    closeStream: (...closing) => database.transaction((tx) => closeStream(tx, ...closing)),
    readStream: (...range) => readStream(database, ...range),
    readEvents: (range) => readEvents(database, range),
    decide: (...told) => database.transaction((tx) => decide(tx, ...told)),
    loadState: (...entity) => loadState(database, ...entity),
  };
}
