import type { Change } from "./hooks.ts";

/** One place of the production source, or of what stands in for SQL, broken on purpose. */
export type Mutant = Change & {
  readonly name: string;
  /** The invariant of guarantees.md that it breaks. */
  readonly breaks: string;
  /** Where the search begins, for a break that takes a rare coincidence: a little before a seed that had it. Default: 0. */
  readonly from?: number;
};

const outbox = "packages/outbox/src";
const inbox = "packages/inbox/src";
const transport = "packages/transport/src";
const postgres = "tests/src/simulator/postgres";

export const mutants: readonly Mutant[] = [
  {
    name: "acknowledges before the commit",
    breaks: "I1",
    file: "packages/log/src/group-commit.ts",
    find: "const results = await commitAll(",
    put: 'for (const { done } of batch) done.resolve("handled" as Result);\n      const results = await commitAll(',
  },
  {
    name: "does a batch over although it may have committed",
    breaks: "I3",
    from: 1_300,
    file: "packages/log/src/group-commit.ts",
    find: "batch.length === 1 || error instanceof UnknownOutcomeError",
    put: "batch.length === 1",
  },
  {
    name: "acknowledges the whole batch when one message of it fails",
    breaks: "I1",
    file: "packages/log/src/group-commit.ts",
    find: "else for (const one of batch) await settle([one]);",
    put: 'else for (const { done } of batch) done.resolve("handled" as Result);',
  },
  {
    name: "remembers in another transaction than that of the effect",
    breaks: "I4",
    file: `${inbox}/commit.ts`,
    find: "await remember(tx, consumer, envelopes, parks)",
    put: "await database.transaction((other) => remember(other, consumer, envelopes, parks))",
  },
  {
    name: "has the effect in another transaction than that of the memory",
    breaks: "I4",
    from: 1_850,
    file: `${inbox}/commit.ts`,
    find: "runInTurn(run, tx, effectMs)",
    put: "database.transaction((other) => runInTurn(run, other, effectMs))",
  },
  {
    name: "does not suppress a duplicate",
    breaks: "I3",
    file: `${inbox}/commit.ts`,
    find: 'known.new.delete(id) ? "handled" : "duplicate"',
    put: '"handled"',
  },
  {
    name: "does not notice a transaction that a handler has spoiled",
    breaks: "I1",
    file: "packages/log/src/confine.ts",
    find: "return goesOn === undefined ? answer : afterAll(sent, answer);",
    put: "void Promise.allSettled(sent);\n      return answer;",
  },
  {
    name: "moves the cursor before the broker confirms",
    breaks: "I13",
    file: `${outbox}/lane.ts`,
    find: "const [staying, behind] = await allEnded([",
    put: "await lease.move(lane.database, page.upTo);\n  const [staying, behind] = await allEnded([",
  },
  {
    name: "swallows what a batch could not deliver",
    breaks: "I13",
    file: `${outbox}/publish-all.ts`,
    find: "if (refused.size + unknown.size === 0) break;",
    put: "if (refused.size === 0) break;",
  },
  {
    name: "takes a lost answer of the broker for a yes",
    breaks: "I13",
    file: `${outbox}/destination.ts`,
    find: "unknown: new Map(envelopes.map(({ id }) => [id, error]))",
    put: "unknown: new Map()",
  },
  {
    name: "parks a message, and lets the others of its key pass",
    breaks: "I5",
    file: `${outbox}/lane.ts`,
    find: "parking.keys.size === 0 ? page.rows : page.rows.filter(({ key }) => !parking.keys.has(key))",
    put: "page.rows",
  },
  {
    name: "goes on without parking what was refused",
    breaks: "I13",
    file: `${outbox}/lane.ts`,
    find: "if (parked.length === 0) return {",
    put: "if (parked.length >= 0) return {",
  },
  {
    name: "parks in another transaction than that of the cursor",
    breaks: "I13",
    from: 550,
    file: `${outbox}/parking.ts`,
    find: `        await parkRows(tx, destination.name, positions, reasons);
        await lease.move(tx, upTo);`,
    put: `        await lease.move(database, upTo);
        await parkRows(tx, destination.name, positions, reasons);`,
  },
  {
    name: "forgets, when it takes a lane over, what is parked there",
    breaks: "L1",
    file: `${outbox}/parking.ts`,
    find: "new Set(await readParkedKeys(database, share))",
    put: "new Set<string>()",
  },
  {
    name: "counts an unavailable broker as a refusal",
    breaks: "I9",
    from: 400,
    file: `${outbox}/judge.ts`,
    find: "const refusal = head && refused.get(head.id);",
    put: "const refusal = head && (refused.get(head.id) ?? unknown.get(head.id));",
  },
  {
    name: "forgets a message that it has given up",
    breaks: "I13",
    file: `${postgres}/parking-statements.ts`,
    find: 'schema.dead.set(tx, name, { ...row, attempts: attempts[nth] ?? 0, error: errors[nth] ?? "" });',
    put: "",
  },
  {
    name: "sends again with a new id",
    breaks: "I2",
    file: `${outbox}/rows.ts`,
    find: "return restoreEnvelope(header, wire)",
    put: 'return restoreEnvelope(header, wire.replace(id, (header.id = id.replace(/^.{4}/, () => Math.random().toString(16).slice(2, 6).padEnd(4, "0")))))',
  },
  {
    name: "does not fence off a relay that has been succeeded",
    breaks: "I11",
    from: 950,
    file: `${postgres}/log-statements.ts`,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is of the source.
    find: "if (cursor?.epoch !== epoch || server !== onlyServer) return [];\n    schema.cursors.set(tx, `${reader} ${lane}`, { ...cursor, position,",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is of the source.
    put: "if (cursor === undefined) return [];\n    schema.cursors.set(tx, `${reader} ${lane}`, { ...cursor, position,",
  },
  {
    name: "goes on although it was told of its successor",
    breaks: "I11",
    file: `${outbox}/lease.ts`,
    find: "if (!(await renewCursor(database, cursor, { leaseMs }))) throw lost();",
    put: "await renewCursor(database, cursor, { leaseMs });",
  },
  {
    name: "publishes without asking whether it still has the lane",
    breaks: "I11",
    file: `${outbox}/publish-all.ts`,
    find: "await lease.confirm();",
    put: "",
  },
  {
    name: "ends a lease by the clock of the process",
    breaks: "I11",
    file: `${outbox}/lane.ts`,
    find: "lane: number, owner, leaseMs });",
    put: "lane: number, owner, leaseMs: leaseMs + (Date.now() - Date.UTC(2025, 5, 11, 12) - performance.now()) });",
  },
  {
    name: "reads up to the last position, without the register",
    breaks: "I13",
    file: `${postgres}/log-statements.ts`,
    find: "Math.min(last, ...schema.pins.values())",
    put: "last",
  },
  {
    name: "reads the register before the end of the log",
    breaks: "I13",
    from: 570,
    file: `${postgres}/log-statements.ts`,
    find: "return [{ limit: Math.min(last, ...schema.pins.values()) }];",
    put: "const pins = [...schema.pins.values()];\n    yield;\n    return [{ limit: Math.min(schema.lastPosition, ...pins) }];",
  },
  {
    name: "acknowledges the last message begun, not the last before an open one",
    breaks: "I1",
    file: `${transport}/kafka/progress.ts`,
    find: "const [offset = next] = open.keys();",
    put: "const offset = next;",
  },
  {
    name: "notes of an open message that it has ended",
    breaks: "I1",
    file: `${transport}/kafka/progress.ts`,
    find: "from = at + 1n;",
    put: "from = at;",
  },
  {
    name: "holds against a message that its member left",
    breaks: "I9",
    from: 2_800,
    file: `${transport}/kafka/intake.ts`,
    find: "else if (!isStopping) progress.failed(offset);",
    put: "else progress.failed(offset);",
  },
  {
    name: "drops a message that is to be delivered again",
    breaks: "I1",
    file: `${transport}/process.ts`,
    find: 'return { kind: "retry", delayMs: retryDelayMs(subscription, attempt), error };',
    put: 'return { kind: "done" };',
  },
  {
    name: "drops a message that is to be set aside",
    breaks: "I1",
    file: `${transport}/kafka/handling.ts`,
    find: "await setAside(message, attempts, failure.error);",
    put: "",
  },
  {
    name: "handles two messages of one key at the same time",
    breaks: "I5",
    file: `${transport}/key-queue.ts`,
    find: "} else lane.push(task);",
    put: "} else {\n        lane.push(task);\n        ready.push(task);\n      }",
  },
  {
    name: "sends what comes behind a message that failed",
    breaks: "I5",
    file: `${transport}/kafka/publisher.ts`,
    find: "else if (failedKeys.has(envelope.key))",
    put: "else if (failedKeys.has(envelope.id))",
  },
  {
    name: "tells of an order in a transaction before that of the order",
    breaks: "I2",
    file: "tests/src/simulator/service.ts",
    find: "share((tx) => placeOrder(tx, order))",
    put: "share((tx) => tellOf(tx, order)).then(() => share((tx) => placeOrder(tx, order)))",
  },
];
