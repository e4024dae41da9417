import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { audit } from "./audit.ts";
import type { Kind } from "./finding.ts";
import { idAt, noon, openScene, period, type Scene } from "./scene-under-test.ts";

const dayBefore = new Date(period.from.getTime() - 1);
const type = "payment.completed"; // For order and analytics.

/** What goes wrong, and what is to be found of it, by id. */
type Damage = (scene: Scene) => Promise<readonly (readonly [kind: Kind, id: string])[]>;

const damages: Readonly<Record<string, Damage>> = {
  "one group has not handled it": async ({ tell, handle }) => {
    const id = await tell(type, "one-group");
    await handle(id, type, { by: ["order"] });
    return [["missing", id]];
  },
  "nobody has handled it": async ({ tell }) => {
    const id = await tell(type, "nobody");
    return [
      ["missing", id],
      ["missing", id],
    ];
  },
  "it was sent again, and still nobody has": async ({ tell, handle, bury }) => {
    const id = await tell(type, "sent-again");
    await handle(id, type, { by: ["analytics"] });
    await bury("order", "order", id, "replayed");
    return [["missing", id]];
  },
  "it is missing between two others of its key": async (scene) => {
    const ids = await three(scene, "middle");
    await scene.run("billing", "delete from outbox where id = $1", [ids[1]]);
    return [["gap", "test middle"]];
  },
  "it is missing behind the others of its key": async (scene) => {
    const ids = await three(scene, "last");
    await scene.run("billing", "delete from outbox where id = $1", [ids[2]]);
    return [["gap", "test last"]];
  },
  "nothing is left of its key": async (scene) => {
    await scene.tell(type, "all");
    await scene.run("billing", "delete from outbox where key = 'all'");
    return [["gap", "test all"]];
  },
  "another has its number": async (scene) => {
    const ids = [await scene.tell(type, "number"), await scene.tell(type, "number", { sequence: 1 })];
    for (const id of ids) await scene.handle(id, type);
    await scene.run("billing", "update outbox_sequences set sequence = 1 where key = 'number'");
    return [["twice-numbered", "test number"]];
  },
  "it is in the outbox twice": async ({ tell, handle }) => {
    const id = await tell(type, "told");
    await tell(type, "told", { id });
    await handle(id, type);
    return [["twice-told", id]];
  },
  "a group has handled it twice": async ({ tell, handle }) => {
    const id = await tell(type, "handled");
    await handle(id, type);
    await handle(id, type, { by: ["order"], day: dayBefore });
    return [["twice-handled", id]];
  },
  "it made the same thing happen twice": async ({ tell, handle, cause }) => {
    const id = await tell(type, "caused");
    await handle(id, type);
    for (const version of [1, 2]) await cause("order", id, "order-caused", version);
    return [["twice-caused", id]];
  },
  "it was handled and never committed": async ({ handle }) => {
    const id = idAt(noon);
    await handle(id, type, { by: ["order"] });
    return [["ghost", id]];
  },
  "it made something happen and was never committed": async ({ cause }) => {
    const id = idAt(noon);
    await cause("order", id, "order-ghost", 1);
    return [["ghost-cause", id]];
  },
  "it made something happen where nobody has handled it": async ({ tell, handle, cause }) => {
    const id = await tell(type, "unremembered");
    await handle(id, type);
    await cause("inventory", id, "stock-unremembered", 1);
    return [["unremembered", id]];
  },
  "it waits for a person": async ({ tell, handle, bury }) => {
    const id = await tell(type, "open");
    await handle(id, type, { by: ["analytics"] });
    await bury("order", "order", id, "open");
    return [["dead", id]];
  },
  "it is in quarantine": async ({ tell, handle, bury }) => {
    const id = await tell(type, "quarantined");
    await handle(id, type, { by: ["analytics"] });
    await bury("order", "order", id, "quarantined");
    return [["dead", id]];
  },
  "a relay gave it up": async ({ tell, run }) => {
    const id = await tell(type, "given-up");
    await run("billing", "insert into outbox_dead select 'kafka', o.*, 20, 'too large' from outbox o where id = $1", [
      id,
    ]);
    return [
      ["dead", id],
      ["dead", id],
    ];
  },
  "a relay gave it up, and a letter says so": async ({ tell, bury }) => {
    const id = await tell(type, "given-up-letter");
    await bury("billing", "outbox", id, "open");
    return [
      ["dead", id],
      ["dead", id],
    ];
  },
  "a relay has parked it": async ({ tell, run }) => {
    const id = await tell(type, "parked");
    await run("billing", "insert into outbox_parked select 'kafka', o.* from outbox o where id = $1", [id]);
    return [
      ["waiting", id],
      ["waiting", id],
    ];
  },
  "a group has parked it": async ({ tell, handle, run }) => {
    const id = await tell(type, "behind");
    await handle(id, type, { by: ["analytics"] });
    await run(
      "order",
      "insert into inbox_parked (consumer, key, message_id, wire) values ('order', 'behind', $1, '{}')",
      [id],
    );
    return [["waiting", id]];
  },
  "no relay has come to its lane, and another of a lane that is through is lost": async ({ tell, run }) => {
    const ids = [await tell("stock.rejected", "ahead"), await tell("stock.rejected", "through")];
    await run("inventory", lanes);
    const reset = "update log_cursors set position = 0 where lane = (select slot from outbox where id = $1)";
    await run("inventory", reset, [ids[0]]);
    return ids.flatMap((id, nth) => twice(nth === 0 ? "waiting" : "missing", id));
  },
  "it is parked for one road, and lost on another": async ({ tell, run }) => {
    const id = await tell("order.created", "parked-one-road");
    await run("order", "insert into outbox_parked select 'sns-sqs', o.* from outbox o where id = $1", [id]);
    return [...twice("waiting", id), ["missing", id]];
  },
  "it was refused by one road, and is lost on another": async ({ tell, run }) => {
    const id = await tell("order.created", "dead-one-road");
    await run("order", "insert into outbox_dead select 'sns-sqs', o.*, 20, 'no' from outbox o where id = $1", [id]);
    return [...twice("dead", id), ["missing", id]];
  },
  "one road has refused it, as a letter says, and it is lost on another": async ({ tell, bury }) => {
    const id = await tell("order.created", "letter-one-road");
    await bury("order", "outbox", id, "open");
    return [...twice("missing", id), ["dead", id]];
  },
  "a person has discarded it": async ({ tell, handle, bury }) => {
    const id = await tell(type, "discarded");
    await handle(id, type, { by: ["analytics"] });
    await bury("order", "order", id, "discarded");
    return [["settled", id]];
  },
  "a person has corrected it, and that was handled": async ({ tell, handle, bury }) => {
    const [id, corrected] = [await tell(type, "replaced"), idAt(noon)];
    await handle(id, type, { by: ["analytics"] });
    await bury("order", "order", id, "replaced", corrected);
    await handle(corrected, type, { by: ["order"] });
    return [["settled", id]];
  },
  "a person has corrected it, and that is lost": async ({ tell, handle, bury }) => {
    const id = await tell(type, "replaced-lost");
    await handle(id, type, { by: ["analytics"] });
    await bury("order", "order", id, "replaced", idAt(noon));
    return [["missing", id]];
  },
  "a person has just corrected it": async ({ tell, handle, bury, run }) => {
    const id = await tell(type, "replaced-now");
    await handle(id, type, { by: ["analytics"] });
    await bury("order", "order", id, "replaced", idAt(noon));
    await run(
      "order",
      "insert into dead_letter_actions (letter, action, by_whom) select number, 'replaced', 'ann' from dead_letters where message_id = $1::uuid",
      [id],
    );
    return [["waiting", id]];
  },
  "a person has corrected it, and that waits for a person again": async ({ tell, handle, bury }) => {
    const [id, corrected] = [await tell(type, "replaced-dead"), idAt(noon)];
    await handle(id, type, { by: ["analytics"] });
    await bury("order", "order", id, "replaced", corrected);
    await bury("order", "order", corrected, "open");
    return [["dead", id]];
  },
  "it was made as the period begins": async ({ tell }) => {
    const id = await tell("refund.requested", "begins", { at: period.from });
    return [["missing", id]];
  },
  "it was made as the period ends, or before it began": async ({ tell }) => {
    await tell(type, "ended", { at: period.to });
    await tell(type, "before", { at: dayBefore });
    return [];
  },
  "all is well": async (scene) => {
    await three(scene, "well");
    return [];
  },
};

/** For two groups. */
function twice(kind: Kind, id: string): [Kind, string][] {
  return [
    [kind, id],
    [kind, id],
  ];
}

/** A lane for each slot, of which all but the first are missing. */
const lanes = `insert into log_cursors (log, reader, lane, position)
  select 'outbox', 'kafka', lane, 1000000000 from generate_series(1, 255) lane`;

async function three({ tell, handle }: Scene, key: string): Promise<string[]> {
  const ids = [await tell(type, key), await tell(type, key), await tell(type, key)];
  const handledLater = key === "middle" ? [0, 2] : key === "last" ? [0, 1] : [0, 1, 2];
  for (const index of handledLater) await handle(ids[index] ?? "", type);
  return ids;
}

test("finds whatever was lost, doubled or set aside, each by its id, and nothing else", {
  timeout: 120_000,
}, async () => {
  await using scene = await openScene();
  const expected = new Map<string, string[]>();
  for (const [name, damage] of Object.entries(damages)) {
    expected.set(
      name,
      (await damage(scene)).map((found) => found.join(" ")),
    );
  }
  const { found, incomplete } = await audit(scene.addresses, period);
  const all = found.flatMap(({ kind, findings }) => findings.map(({ id }) => `${kind} ${id}`));
  const left = [...all];
  const unfound = [...expected].filter(
    ([, wanted]) => !wanted.every((each) => left.splice(left.indexOf(each) >>> 0, 1).length),
  );
  expect(unfound.map(([name]) => name)).toEqual([]);
  expect(left).toEqual([]);
  expect(incomplete).toEqual([]);
});

test("a message that went by another road than the manifest's is lost, or waits, like any other", async () => {
  await using scene = await openScene();
  const [lost, waiting] = [await scene.tell("order.created", "moved"), await scene.tell("payment.requested", "moved")];
  await scene.run("order", "delete from log_cursors where reader <> 'kafka'");
  await scene.run("order", "update log_cursors set reader = 'rabbitmq'");
  await scene.run("billing", "update log_cursors set reader = 'sns-sqs', position = 0 where reader = 'rabbitmq'");
  await scene.run("billing", "insert into outbox_destinations values ('kafka', '{payment.completed}')");
  const { found } = await audit(scene.addresses, period);
  expect(found).toMatchObject([
    { kind: "missing", count: 3, findings: [{ id: lost }, { id: lost }, { id: lost }] },
    { kind: "waiting", count: 1, findings: [{ id: waiting }] },
  ]);
});

test("what is not a minute old is on its way", async () => {
  await using scene = await openScene();
  const now = new Date();
  const id = await scene.tell("payment.requested", "young", { at: now });
  const { found } = await audit(scene.addresses, { from: period.from, to: new Date(now.getTime() + 1_000) });
  expect(found).toMatchObject([{ kind: "waiting", findings: [{ id }] }]);
});

test("reads more messages than it holds at once", { timeout: 120_000 }, async () => {
  await using scene = await openScene();
  const head = idAt(noon).slice(0, 24);
  await scene.run("billing", many, [12_000, head, noon.toISOString()]);
  for (const service of ["order", "analytics"] as const)
    await scene.run(service, manyHandled, [service, 12_000, head, noon]);
  const missing = `${head}000000002ee0`; // The last of them.
  await scene.run("analytics", "delete from processed_messages where message_id = $1", [missing]);
  const report = await audit(scene.addresses, period);
  expect(report).toMatchObject({ messages: 12_000, deliveries: 24_000 });
  expect(report.found).toMatchObject([{ kind: "missing", count: 1, findings: [{ id: missing }] }]);
});

const many = `with told as (
    insert into outbox (key, type, id, version, "timestamp", source, sequence, correlation_id, wire)
    select 'k' || n, 'payment.completed', $2 || lpad(to_hex(n), 12, '0'), '1', $3,
      'test', 1, 'c', '{}' from generate_series(1, $1::int) n returning key)
  insert into outbox_sequences (source, key, sequence) select 'test', key, 1 from told`;
const manyHandled = `insert into processed_messages (consumer, message_id, message_day)
  select $1, ($3 || lpad(to_hex(n), 12, '0'))::uuid, $4::timestamptz::date from generate_series(1, $2::int) n`;

test("says from when on an outbox is kept, and calls nobody a ghost for what it has forgotten", async () => {
  await using scene = await openScene();
  await scene.handle(idAt(period.from), type, { by: ["order"] });
  await scene.run("billing", "alter sequence outbox_position_seq restart with 1000001");
  await scene.handle(await scene.tell(type, "kept"), type);
  await scene.run("billing", "drop table outbox_p1");
  const { found, incomplete } = await audit(scene.addresses, period);
  expect(found).toEqual([]);
  expect(incomplete).toEqual([
    `The outbox of billing is kept from ${noon.toISOString()} on: what it told before is not compared.`,
  ]);
});

test("tells that the last messages of a key are gone, and all of one, where the oldest partition is too", async () => {
  await using scene = await openScene();
  await scene.tell(type, "shed");
  await scene.run("billing", "alter sequence outbox_position_seq restart with 1000001");
  for (const key of ["tail", "tail", "after", "after", "gone"])
    await scene.tell(type, key, { at: key === "after" ? period.to : dayBefore });
  await scene.run("billing", "drop table outbox_p1");
  await scene.run("billing", "delete from outbox where sequence = 2 or key = 'gone'");
  const begun = "update outbox_sequences set begun_at = $1 where key = $2";
  await scene.run("billing", begun, [new Date(dayBefore.getTime() - 1_000), "shed"]);
  await scene.run("billing", begun, [new Date(period.to.getTime() + 1_000), "gone"]);
  const { found } = await audit(scene.addresses, period);
  const ids = ["test gone", "test tail"];
  expect(found).toMatchObject([{ kind: "gap", findings: ids.map((id) => ({ id })) }]);
});

test("a database that is away is named, with what to do", async () => {
  await using scene = await openScene();
  const away = { service: "order", url: "postgres://throughline:secret@127.0.0.1:1/none" };
  const addresses = scene.addresses.map((address) => (address.service === "order" ? away : address));
  const failure = await audit(addresses, period).then(String, (error: Error) => error.message);
  expect(failure).toContain("order: 127.0.0.1:1/none does not answer: connect ECONNREFUSED");
  expect(failure).toContain("npm start");
  expect(failure).not.toContain("secret");
});

test("the command answers with a number, the ids and its exit code", { timeout: 120_000 }, async () => {
  await using scene = await openScene();
  const databases = scene.addresses.flatMap(({ service, url }) => ["--database", `${service}=${url}`]);
  const day = noon.toISOString().slice(0, 10);
  const during = ["--from", day, "--to", day];
  expect(await run([...during, ...databases])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("0 lost, 0 doubled"),
  });

  const id = await scene.tell("refund.requested", "lost");
  expect(await run([...during, ...databases])).toMatchObject({ code: 1, stdout: expect.stringContaining(id) });
  const { code, stdout } = await run([...during, ...databases, "--json"]);
  expect({ code, ...JSON.parse(stdout) }).toMatchObject({
    code: 1,
    isGood: false,
    messages: 1,
    found: [{ kind: "missing", count: 1 }],
  });

  expect(await run(["--from", "2026-02-30"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--from is "2026-02-30"'),
  });
  expect(await run(["--database", "sales=postgres://x/y"])).toMatchObject({ code: 2 });
  expect(await run(["--help"])).toMatchObject({ code: 0, stdout: expect.stringContaining("Exits with 0") });
});

async function run(
  argv: readonly string[],
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const command = promisify(execFile)(process.execPath, [`${import.meta.dirname}/main.ts`, ...argv]);
  const failed = (error: Error & { code?: number; stdout?: string; stderr?: string }) => ({
    code: error.code ?? -1,
    stdout: error.stdout ?? "",
    stderr: error.stderr ?? "",
  });
  return command.then(({ stdout, stderr }) => ({ code: 0, stdout, stderr }), failed);
}
