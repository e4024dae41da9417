import { createHash } from "node:crypto";
import { migrations as claimsMigrations, postgresClaims, provideClaims } from "@throughline/claims";
import { createEnvelope, parseEnvelope, RejectedError } from "@throughline/envelope";
import { migrations as inboxMigrations, on, startConsumer } from "@throughline/inbox";
import { openTestDatabase, testBrokers, uniqueName } from "@throughline/local/testing";
import { migrations as logMigrations, query } from "@throughline/log";
import { enqueue, migrations as outboxMigrations, startRelay } from "@throughline/outbox";
import { type DeadLetter, type Failure, openRoad, type Road, type Transport } from "@throughline/transport";
import { expect, test, vi } from "vitest";
import { openDoors } from "./testing/doors.ts";
import { startFleet } from "./testing/fleet.ts";
import { shopOf } from "./testing/shop.ts";

const patience = { timeout: 45_000, interval: 20 };
const type = "report.written";
const report = { text: "x".repeat(1024 * 1024) };

const roads: readonly Road[] = [
  "memory",
  "sns-sqs",
  "sns-sqs-fifo",
  ...(testBrokers.kafka ? (["kafka"] as const) : []),
  ...(testBrokers.rabbitmq ? (["rabbitmq"] as const) : []),
];

test.each(roads)("by %s, a body of 1 MiB reaches the handler, and stays for whoever reads it later", async (name) => {
  await using office = await openOffice(name);
  await office.tell("r-1", report);
  await office.tell("r-2", { text: "short" });
  await office.publish();
  await vi.waitUntil(() => office.read.size === 2, patience);
  expect(office.read.get("r-1")).toEqual({ data: report, dataref: undefined });
  expect(office.read.get("r-2")).toEqual({ data: { text: "short" }, dataref: undefined });
  expect(await office.bodies()).toHaveLength(1);
});

test.each(roads)(
  "by %s, a missing body is looked for at each attempt, and its letter keeps the reference",
  async (name) => {
    await using office = await openOffice(name);
    await office.tell("r-1", report);
    const [body] = await office.bodies();
    await query(office.database, "lose", "delete from claims");
    await office.publish();
    const [letter] = await office.letters(1);
    expect(office.failures.map(({ error, deadLettered }) => [error.name, deadLettered])).toEqual([
      ["MissingBodyError", false],
      ["MissingBodyError", false],
      ["MissingBodyError", true],
    ]);
    expect(letter?.error).toMatchObject({ name: "MissingBodyError", message: expect.stringContaining("is not there") });
    expect(parseEnvelope(letter?.body ?? "")).toMatchObject({ key: "r-1", data: null, dataref: body?.reference });

    // Put back and sent again, it has its effect.
    await office.store.put(body?.reference ?? "", Buffer.from(JSON.stringify(report)));
    if (letter) await office.road.deadLetters.redeliver(letter);
    await vi.waitUntil(() => office.read.has("r-1"), patience);
    expect(office.read.get("r-1")?.data).toEqual(report);
  },
);

test.each(roads)("by %s, a body that is not what was sent is set aside at once, with that reason", async (name) => {
  await using office = await openOffice(name);
  await office.tell("r-1", report);
  await query(office.database, "forge", "update claims set body = convert_to('{}', 'utf8')");
  await office.publish();
  const [letter] = await office.letters(1);
  expect(office.failures.map(({ error, deadLettered }) => [error instanceof RejectedError, deadLettered])).toEqual([
    [true, true],
  ]);
  expect(letter?.error.message).toContain("is not what was sent");
  expect(office.read.size).toBe(0);
});

test("services handle what a stranger left in the place of bodies like any other message", async () => {
  await using claims = await openTestDatabase();
  await using fleet = await startFleet({ env: { CLAIMS_URL: claims.url } });
  await using doors = await openDoors(fleet);
  const shop = shopOf(fleet);
  const sku = await shop.stocked(10_000);
  const orderId = uniqueName("o-");
  const items = Array.from({ length: 7_000 }, () => ({ sku, quantity: 1 }));
  const data = { orderId, customerId: "c-1", currency: "USD", totalInCents: 1_496, express: false, items };
  const body = Buffer.from(JSON.stringify(data));
  const dataref = `2026-11-26/${createHash("sha256").update(body).digest("hex")}`;
  await query(claims.database, "leave", "insert into claims (reference, body) values ($1, $2)", [dataref, body]);
  const message = { type: "order.created", version: "1", key: orderId, data: null };
  const envelope = { ...createEnvelope(message, { source: "stranger" }), dataref };
  const topic = doors.doors.find(({ name }) => name === "the SNS topic of order.created");
  await topic?.send(Buffer.from(JSON.stringify(envelope)));
  await vi.waitFor(async () => expect(await shop.payment(orderId)).toMatchObject({ amountInCents: 1_496 }), patience);
  await vi.waitFor(async () => expect(await shop.stock(sku)).toMatchObject({ available: 3_000 }), patience);
}, 180_000);

/** A service that tells of reports, and a group that reads them, with a road between them. */
async function openOffice(name: Road) {
  await using opening = new AsyncDisposableStack();
  const tables = [logMigrations, outboxMigrations, inboxMigrations, claimsMigrations];
  const { database } = opening.use(await openTestDatabase(...tables));
  const store = postgresClaims(database);
  opening.use(provideClaims(store));
  const road = await roadOf(name);
  const read = new Map<string, { readonly data: unknown; readonly dataref: string | undefined }>();
  const failures: Failure[] = [];
  const reaction = on({ type, version: "1", read: (envelope) => envelope }, async ({ key, data, dataref }) => {
    read.set(key, { data, dataref });
  });
  const options = { from: [road], retryDelayMs: 1, onFailure: (failure: Failure) => failures.push(failure) };
  opening.use(await startConsumer(database, "readers", [reaction], options));
  const opened = opening.move();
  return {
    ...{ database, store, road, read, failures },
    tell: (key: string, data: unknown) =>
      database.transaction((tx) => enqueue(tx, "office", [{ type, version: "1", key, data }])),
    publish: async () => void opened.use(await startRelay(database, { to: [{ transport: road }] })),
    bodies: () => query<{ reference: string }>(database, "bodies", "select reference from claims"),
    letters: (count: number) => takeLetters(road, count),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

async function takeLetters(road: Transport, count: number): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  await using _ = await road.deadLetters.drain("readers", [type], async (letter) => void letters.push(letter));
  await vi.waitUntil(() => letters.length >= count, patience);
  return letters;
}

function roadOf(name: Road): Promise<Transport> {
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  return openRoad(name, {
    namespace: uniqueName("t"),
    snsSqs: { endpoint: testBrokers.snsSqs, region: "us-east-1", credentials },
    kafka: { brokers: [testBrokers.kafka ?? ""] },
    rabbitmq: { url: testBrokers.rabbitmq ?? "" },
  });
}
