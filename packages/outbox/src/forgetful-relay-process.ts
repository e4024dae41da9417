/**
 * A relay in a process of its own that has nothing in memory but its pages, for tests that give it little:
 * `node forgetful-relay-process.ts <database url>`. Prints the sequence of every message that it publishes.
 */
import { writeSync } from "node:fs";
import { connect } from "@throughline/local/testing";
import { startRelay } from "./index.ts";
import { createBroker } from "./outbox-under-test.ts";

const [, , url = ""] = process.argv;
const broker = createBroker();
broker.before = async (envelopes) => {
  broker.received.length = 0;
  broker.wires.length = 0;
  writeSync(1, envelopes.map(({ sequence }) => `${sequence}\n`).join(""));
};
await startRelay(connect(url).database, { to: [broker] });
