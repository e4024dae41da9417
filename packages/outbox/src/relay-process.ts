/**
 * A relay in a process of its own, for tests that stop or kill it:
 * `node relay-process.ts <database url> [kill | statement [after another] [lanes]]`.
 * Prints id and sequence of every message that its broker takes. With `kill` it dies between publishing a batch and moving
 * on; with the name of a statement, just before it would send that for the first time, or, as in `commit after outbox_park`,
 * for the first time on a connection on which it has sent another. What has no name is meant by any part of its text. Then
 * it also meets a refusal. It stops at SIGTERM.
 */
import { subscribe } from "node:diagnostics_channel";
import { writeSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { connect } from "@throughline/local/testing";
import { startRelay } from "./index.ts";
import { createBroker } from "./outbox-under-test.ts";

const [, , url = "", fate, lanes = "1"] = process.argv;
const broker = createBroker();
let refusals = fate === undefined || fate === "kill" ? 0 : 1;
// So slow that whoever stops it in the middle does so in time, also on a busy machine.
broker.before = () => setTimeout(50);
broker.answer = ({ id, sequence }) => {
  if (sequence === 3 && refusals-- > 0) return "refused";
  // Synchronous, so that what was published is known even of a process that is killed.
  writeSync(1, `${JSON.stringify({ id, sequence })}\n`);
  return undefined;
};
const connection = connect(url);
if (fate === "kill") subscribe("throughline:relay.after_publish", die);
else if (fate !== undefined) connection.pool.on("connect", (client) => dieBefore(client, fate));

const relay = await startRelay(connection.database, {
  to: [broker],
  lanes: Number(lanes),
  batchSize: 5,
  ...{ leaseMs: 500, retryMs: 10 },
  onError: (error) => writeSync(1, `${JSON.stringify({ error: `${error.cause}` })}\n`),
});
process.once("SIGTERM", () => relay[Symbol.asyncDispose]());

function die(): void {
  process.kill(process.pid, "SIGKILL");
}

function dieBefore(client: { query: unknown }, fate: string): void {
  const query = (client.query as (...args: unknown[]) => unknown).bind(client);
  const [name, after] = fate.split(" after ");
  let isNear = after === undefined;
  client.query = (statement: { readonly name?: string; readonly text?: string }, ...rest: unknown[]) => {
    const isOne = (wanted = "") =>
      statement.name ? statement.name === wanted : statement.text?.includes(wanted) === true;
    if (isNear && isOne(name)) die();
    isNear ||= isOne(after);
    return query(statement, ...rest);
  };
}
