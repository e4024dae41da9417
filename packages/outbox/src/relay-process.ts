/**
 * A relay in a process of its own, for tests that stop or kill it: `node relay-process.ts <database url> [kill]`. Prints
 * key and sequence of every message it publishes; with `kill` it dies between publishing a batch and moving on.
 */
import { subscribe } from "node:diagnostics_channel";
import { writeSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { connect } from "@throughline/local/testing";
import { startRelay } from "./index.ts";
import { createBroker } from "./outbox-under-test.ts";

const [, , url = "", fate] = process.argv;
const broker = createBroker();
broker.before = async (envelopes) => {
  // Synchronous, so that what was published is known even of a process that is killed.
  for (const { id, sequence } of envelopes) writeSync(1, `${JSON.stringify({ id, sequence })}\n`);
  await setTimeout(5);
};
if (fate === "kill") subscribe("throughline:relay.after_publish", () => process.kill(process.pid, "SIGKILL"));

const connection = connect(url);
await startRelay(connection.database, {
  to: [broker],
  batchSize: 5,
  leaseMs: 500,
  onError: (error) => writeSync(1, `${JSON.stringify({ error: `${error.cause}` })}\n`),
});
