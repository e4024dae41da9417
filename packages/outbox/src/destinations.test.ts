import { type Database, query } from "@throughline/log";
import { expect, test, vi } from "vitest";
import { startRelay } from "./index.ts";
import { findNeglected } from "./neglect.ts";
import { forgetDestination, readStates } from "./operation.ts";
import { type Broker, createBroker, openOutbox, openTransaction, tell, tellEarly, told } from "./outbox-under-test.ts";
import type { Beginning } from "./place.ts";

const soon = { timeout: 25_000, interval: 5 };
const quickly = { leaseMs: 300, onError: () => {} };

test.each<[string, Beginning | undefined, unknown[]]>([
  ["with all that is kept", undefined, ["old", "recent", "next"]],
  ["with all that is kept, where it says so", "beginning", ["old", "recent", "next"]],
  ["now", "now", ["next"]],
  ["with what was written since a moment", new Date("2026-01-02"), ["recent", "next"]],
  ["with what was written since a moment to come", new Date("2126-01-01"), ["next"]],
])("a new destination begins %s", async (_, from, expected) => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  await tellAt(database, "old", "2026-01-01");
  await tellAt(database, "recent", "2026-01-03");
  const broker = createBroker();
  await using _relay = await startRelay(database, { to: [{ ...broker, ...(from && { from }) }], ...quickly });
  await tell(database, told("a", "next"));
  await vi.waitUntil(() => broker.received.at(-1)?.data === "next", soon);
  expect(broker.received.map(({ data }) => data)).toEqual(expected);
});

test.each<[string, Beginning]>([
  ["now", "now"],
  ["with what was written since a moment", new Date("2026-01-01")],
])("what is written and not committed when a destination begins %s is not passed over", async (_, from) => {
  await using outbox = await openOutbox();
  const open = await openTransaction(outbox.database);
  await tellEarly(open.tx, told("a", "open"));
  await tell(outbox.database, told("b", "committed"));
  const broker = createBroker();
  await using _relay = await startRelay(outbox.database, { to: [{ ...broker, from }], ...quickly });
  await open.commit();
  await vi.waitUntil(() => broker.received.some(({ data }) => data === "open"), soon);
});

test("a destination that is known stays where it is, whatever it was to begin with", async () => {
  await using outbox = await openOutbox();
  const broker = createBroker();
  await relayOnce(outbox.database, [broker]);
  await tell(outbox.database, told("a", 1));
  await using _ = await startRelay(outbox.database, { to: [{ ...broker, from: "now" }], ...quickly });
  await vi.waitUntil(() => broker.received.length === 1, soon);
});

test("a type that a newer relay adds leaves, whichever relay has the lane, and whoever starts beside it", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  const broker = createBroker();
  await using relays = new AsyncDisposableStack();
  const start = async (...types: string[]) =>
    relays.use(await startRelay(database, { to: [{ ...broker, types }], ...quickly }));
  const older = await start("order.created");
  await vi.waitUntil(async () => (await older.status())[0]?.heldLanes === 1, soon);
  await start("order.created", "order.paid");
  await tell(database, told("a", {}, "order.paid"));
  await vi.waitUntil(() => broker.received.length === 1, soon);
  await start("order.created");
  await older[Symbol.asyncDispose]();
  await tell(database, told("a", {}, "order.paid"));
  await vi.waitUntil(() => broker.received.length === 2, soon);
});

test.each([
  ["once no other is there", "2 hours", ["order.created"]],
  ["but not within an hour of the death of another", "50 minutes", ["order.paid", "order.created"]],
])("a relay that starts takes types away, %s", async (_, ago, expected) => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  const broker = createBroker();
  const start = (...types: string[]) => startRelay(database, { to: [{ ...broker, types }], ...quickly });
  await (await start("order.created", "order.paid"))[Symbol.asyncDispose]();
  await query(database, "die", "insert into outbox_relays values ('test', 'dead', now() - $1::interval)", [ago]);
  await using _relay = await start("order.created");
  await tell(database, told("a", {}, "order.paid"), told("a"));
  await vi.waitUntil(() => broker.received.at(-1)?.sequence === 2, soon);
  expect(broker.received.map(({ type }) => type)).toEqual(expected);
});

test("a destination that nobody relays to any more is told, and forgotten when somebody says so", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  const [kept, left] = [createBroker("kept"), createBroker("left")];
  await relayOnce(database, [kept, left]);
  await tell(database, told("a"), told("a"));
  const sentences: string[] = [];
  await using relay = await startRelay(database, {
    to: [kept],
    onError: ({ message }) => void sentences.push(message),
  });
  await vi.waitUntil(() => sentences.length > 0, soon);
  expect(sentences).toEqual([expect.stringMatching(/^No relay publishes to left any more: 2 messages wait/)]);

  await vi.waitUntil(async () => (await relay.status())[0]?.heldLanes === 1, soon);
  await expect(forgetDestination(database, "kept", "a test")).rejects.toThrow("A relay publishes to kept");
  await forgetDestination(database, "left", "a test");
  expect((await readStates(database)).map(({ destination }) => destination)).toEqual(["kept"]);
  expect(await findNeglected(database, [])).toEqual([]);
});

test("what was parked for a destination goes with it, and the destination may begin anew", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  const broker = createBroker();
  broker.answer = () => "refused";
  await tell(database, told("a"));
  {
    await using relay = await startRelay(database, { to: [broker], ...quickly });
    await vi.waitUntil(async () => (await relay.status())[0]?.parkedKeys === 1, soon);
  }
  await forgetDestination(database, "test", "a test");
  broker.answer = () => undefined;
  await using _ = await startRelay(database, { to: [{ ...broker, from: "now" }], ...quickly });
  await tell(database, told("a"));
  await vi.waitUntil(() => broker.received.length > 0, soon);
  expect(broker.received.map(({ sequence }) => sequence)).toEqual([2]);
});

test("a destination that is forgotten while its relay holds nothing is not begun anew by it, and it says so", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  const broker = createBroker();
  const errors: unknown[] = [];
  const onError = ({ cause }: Error) => void errors.push(`${cause}`);
  await using relay = await startRelay(database, { to: [broker], leaseMs: 60_000, onError });
  await tell(database, told("a"), told("a"));
  await vi.waitUntil(async () => (await relay.status())[0]?.lag === 0, soon);
  await database.execute("update log_cursors set leased_until = null");
  await forgetDestination(database, "test", "a test");
  await tell(database, told("a"));
  await vi.waitUntil(() => errors.some((error) => String(error).includes("has no lane 0")), soon);
  expect(broker.received.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  expect(await readStates(database)).toEqual([]);
});

test("a destination that has been away for more than a day is told by its own relay", async () => {
  await using outbox = await openOutbox();
  const { database } = outbox;
  const broker = createBroker();
  await relayOnce(database, [broker]);
  await tell(database, told("a"));
  expect(await findNeglected(database, ["test"])).toEqual([]);
  await database.execute("update outbox set created_at = now() - interval '7 days'");
  expect(await findNeglected(database, ["test"])).toEqual([
    expect.stringMatching(
      /^Destination test is more than a day behind: 1 messages wait for it, the oldest for 168 hours/,
    ),
  ]);
});

/** A relay that comes and goes. */
async function relayOnce(database: Database, to: readonly Broker[], lanes = 1): Promise<void> {
  await using _ = await startRelay(database, { to, lanes, ...quickly });
}

async function tellAt(database: Database, data: unknown, moment: string): Promise<void> {
  await tell(database, told("a", data));
  const text = "update outbox set created_at = $1::timestamptz where position = (select max(position) from outbox)";
  await query(database, "write_at", text, [moment]);
}
