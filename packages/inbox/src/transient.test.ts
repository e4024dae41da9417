import { RejectedError } from "@throughline/envelope";
import { connect } from "@throughline/local/testing";
import { query } from "@throughline/log";
import { expect, test } from "vitest";
import { effectsOf, openTestInbox } from "./test-inbox.ts";
import { isOutage, isTransient, throughOutages } from "./transient.ts";

test.each([
  ["Postgres that shuts down", "57P01"],
  ["Postgres that crashed", "57P02"],
  ["Postgres that starts", "57P03"],
  ["Postgres with a full disk", "53100"],
  ["Postgres without memory", "53200"],
  ["Postgres with too many connections", "53300"],
  ["Postgres that only reads, after a failover", "25006"],
  ["a lost connection to Postgres", "08006"],
  ["a busy place of bodies", "EBUSY"],
  ["nobody at the port", "ECONNREFUSED"],
  ["a cut connection", "ECONNRESET"],
  ["a closed connection", "EPIPE"],
  ["no answer", "ETIMEDOUT"],
  ["a name that nobody has", "ENOTFOUND"],
  ["a name server that does not answer", "EAI_AGAIN"],
  ["a host that is away", "EHOSTUNREACH"],
  ["a network that is away", "ENETUNREACH"],
])("%s is an outage, however deep in the cause", (_what, code) => {
  const error = Object.assign(new Error("not now"), { code });
  expect(isOutage(new Error("Failed query", { cause: new Error("Statement failed", { cause: error }) }))).toBe(true);
});

test.each([
  ["a duplicate", "23505", false],
  ["a serialization failure", "40001", true],
  ["a deadlock", "40P01", true],
])("%s is no outage", (_what, code, isWorthAnotherTry) => {
  const error = Object.assign(new Error("no"), { code });
  expect([isOutage(error), isTransient(error)]).toEqual([false, isWorthAnotherTry]);
});

test("what rejects a message is its own fault, whatever caused it", () => {
  const cause = Object.assign(new Error("not now"), { code: "ECONNREFUSED" });
  expect(isTransient(new RejectedError("refused", { cause }))).toBe(false);
});

test("a database that only reads is waited for until it writes again", async () => {
  await using inbox = await openTestInbox();
  await using far = connect(`${inbox.url}?options=-c%20default_transaction_read_only%3Don`, 1);
  const add = () => query(far.database, "add", "insert into effects (consumer, note) values ('diary', 'a')");
  let asked = 0;
  far.pool.on("acquire", (connection) => {
    asked += 1;
    // After the work, and the first question whether the database is back.
    if (asked === 3) void connection.query("set default_transaction_read_only = off");
  });
  await throughOutages(far.database, add, { signal: new AbortController().signal });
  expect(await effectsOf(inbox.database, "diary")).toEqual(["a"]);
});
