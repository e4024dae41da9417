import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { connect } from "@throughline/local/testing";
import { expect, onTestFinished, test, vi } from "vitest";
import { startRelay } from "./index.ts";
import { createBroker, numbersTo, openOutbox, tell, told } from "./outbox-under-test.ts";

const soon = { timeout: 20_000, interval: 5 };

type Published = { readonly id: string; readonly sequence: number };

test("what a killed relay published and did not note is published again, with the same ids", async () => {
  await using outbox = await openOutbox();
  for (const _ of numbersTo(12)) await tell(outbox.database, told("a"));
  await using killed = startProcess(outbox.url, "kill");
  await once(killed.child, "exit");
  expect(killed.child.signalCode).toBe("SIGKILL");
  expect(killed.published.map(({ sequence }) => sequence)).toEqual(numbersTo(5));

  const broker = createBroker();
  await using _ = await startRelay(outbox.database, { to: [broker], leaseMs: 500 });
  await vi.waitUntil(() => broker.received.length === 12, soon);
  expect(broker.received.slice(0, 5).map(({ id }) => id)).toEqual(killed.published.map(({ id }) => id));
  expect(firstTimes([...killed.published, ...broker.received])).toEqual(numbersTo(12));
});

test("a relay that was paused past its lease stands down, and nothing comes out of order", async () => {
  await using outbox = await openOutbox();
  for (const _ of numbersTo(40)) await tell(outbox.database, ...numbersTo(25).map(() => told("a")));
  const published: Published[] = [];
  await using paused = startProcess(outbox.url, undefined, published);
  await vi.waitUntil(() => published.length > 0, soon);
  paused.child.kill("SIGSTOP");

  const broker = createBroker();
  broker.before = async (envelopes) => void published.push(...envelopes);
  await using _ = await startRelay(outbox.database, { to: [broker], leaseMs: 500 });
  await vi.waitUntil(() => broker.received.length > 0, soon);
  paused.child.kill("SIGCONT");

  await vi.waitUntil(() => paused.errors.some((error) => error.includes("went to another relay")), soon);
  await vi.waitUntil(() => broker.received.at(-1)?.sequence === 1_000, soon);
  expect(firstTimes(published)).toEqual(numbersTo(1_000));
});

test("of several relays one has the lane", async () => {
  await using outbox = await openOutbox();
  const brokers = numbersTo(3).map(() => createBroker());
  await using relays = new AsyncDisposableStack();
  for (const broker of brokers) relays.use(await startRelay(outbox.database, { to: [broker] }));
  for (const _ of numbersTo(20)) await tell(outbox.database, told("a"));
  const counts = () => brokers.map(({ received }) => received.length).sort();
  await vi.waitUntil(() => counts().at(-1) === 20, soon);
  expect(counts()).toEqual([0, 0, 20]);
});

test("a relay survives the loss of its connections", async () => {
  await using outbox = await openOutbox();
  await using own = connect(outbox.url);
  own.pool.on("error", () => {});
  const broker = createBroker();
  const errors: Error[] = [];
  await using _ = await startRelay(own.database, { to: [broker], onError: (error) => void errors.push(error) });
  await tell(outbox.database, told("a"));
  await vi.waitUntil(() => broker.received.length === 1, soon);
  const cut = `select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and query like '%log_limit%' and pid <> pg_backend_pid()`;
  for (const _ of numbersTo(20)) {
    await outbox.database.execute(cut);
    await tell(outbox.database, told("a"));
  }
  await vi.waitUntil(() => broker.received.at(-1)?.sequence === 21, soon);
  expect(firstTimes(broker.received)).toEqual(numbersTo(21));
});

/** The sequences in the order in which each was published first. */
function firstTimes(published: readonly Published[]): number[] {
  return [...new Set(published.map(({ sequence }) => sequence))];
}

function startProcess(
  url: string,
  fate?: "kill",
  published: Published[] = [],
): { readonly child: ChildProcess; readonly published: Published[]; readonly errors: string[] } & AsyncDisposable {
  const file = fileURLToPath(new URL("./relay-process.ts", import.meta.url));
  const child = spawn(process.execPath, [file, url, ...(fate ? [fate] : [])], { stdio: ["ignore", "pipe", "inherit"] });
  // Also where a test is given up: a stopped process would otherwise stay for ever.
  onTestFinished(() => void child.kill("SIGKILL"));
  const errors: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    const told = JSON.parse(line) as Published | { readonly error: string };
    if ("error" in told) errors.push(told.error);
    else published.push(told);
  });
  return {
    ...{ child, published, errors },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}
