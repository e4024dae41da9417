import { setTimeout as delay } from "node:timers/promises";
import { connect, uniqueName } from "@throughline/local/testing";
import { query } from "@throughline/log";
import type { Failure } from "@throughline/transport";
import { memoryTransport } from "@throughline/transport/memory";
import { startLine } from "@throughline/transport/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { on, startConsumer } from "./index.ts";
import {
  addEffect,
  addTransactionId,
  barrier,
  effectsOf,
  note,
  noted,
  notes,
  openTestInbox,
  publish,
  startGroup,
  until,
} from "./test-inbox.ts";

let inbox: Awaited<ReturnType<typeof openTestInbox>>;
beforeAll(async () => {
  inbox = await openTestInbox();
});
afterAll(() => inbox[Symbol.asyncDispose]());

test("killed database connections cost no attempt", async () => {
  let kills = 0;
  await using started = await startGroup(inbox.database, (group) => [
    on(noted, async (message, tx) => {
      await addEffect(tx, group, message.data.text);
      if (message.data.text !== "3" || kills > 0) return;
      kills += 1;
      await query(tx, "kill", "select pg_terminate_backend(pg_backend_pid())", []);
    }),
  ]);
  await publish(started.transport, notes(10));
  await until(() => started.consumer.status().handled === 10);
  expect({ failures: started.failures, kills }).toEqual({ failures: [], kills: 1 });
  expect(await effectsOf(inbox.database, started.group)).toHaveLength(10);
});

test("a database that is away for longer than all attempts together costs none", async () => {
  const { hostname, port } = new URL(inbox.url);
  await using line = await startLine({ host: hostname, port: Number(port) });
  const url = Object.assign(new URL(inbox.url), { port: `${line.port}` }).href;
  await using far = connect(url);
  const group = uniqueName("group");
  const transport = memoryTransport();
  const failures: Failure[] = [];
  const reaction = on(noted, (message, tx) => addEffect(tx, group, message.data.text));
  await using consumer = await startConsumer(far.database, group, [reaction], {
    from: [transport],
    attempts: 1,
    timeoutMs: 1_500,
    onFailure: (failure) => failures.push(failure),
  });
  line.cut();
  await publish(transport, notes(3));
  await until(() => consumer.status().inFlight === 3);
  // Several times as long as a handler may take: that is what the attempts of a message would be over in.
  await delay(4_000);
  line.heal();
  await until(() => consumer.status().handled === 3);
  expect(failures.filter(({ envelope }) => envelope !== undefined)).toEqual([]);
  expect(await effectsOf(inbox.database, group)).toHaveLength(3);
});

test("two batches that deadlock end one by one, and cost no attempt", async () => {
  await inbox.database.execute("create table counters (id text primary key, value integer)");
  await inbox.database.execute("insert into counters values ('left', 0), ('right', 0)");
  const bothHoldOne = barrier(2);
  const reaction = on(noted, async (message, tx) => {
    await query(tx, "count", "update counters set value = value + 1 where id = $1", [message.data.text]);
    await addTransactionId(tx, "deadlocked");
    await bothHoldOne();
  });
  await using one = await startGroup(inbox.database, () => [reaction]);
  await using two = await startGroup(inbox.database, () => [reaction]);
  await Promise.all([
    publish(one.transport, [note("left", "a"), note("right", "b")]),
    publish(two.transport, [note("right", "a"), note("left", "b")]),
  ]);
  await until(() => one.consumer.status().handled + two.consumer.status().handled === 4);
  expect([...one.failures, ...two.failures]).toEqual([]);
  const { rows } = await inbox.database.execute("select value from counters");
  expect(rows).toEqual([{ value: 2 }, { value: 2 }]);
  expect(new Set(await effectsOf(inbox.database, "deadlocked")).size).toBe(3);
});
