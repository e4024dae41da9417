import { newId } from "@throughline/envelope";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type ServiceName, serviceNames } from "../flow.ts";
import { type Evidence, type Finding, isHeld, roadsById } from "./finding.ts";
import { judge } from "./judge.ts";
import { readRecords } from "./records.ts";
import { createTestDatabases, type TestDatabases } from "./test-databases.ts";
import { completed, declined, tellStory } from "./test-story.ts";

let databases: TestDatabases;
let story: Awaited<ReturnType<typeof tellStory>>;

beforeAll(async () => {
  databases = await createTestDatabases();
  story = await tellStory(databases);
});
afterAll(() => databases[Symbol.asyncDispose]());
beforeEach(() => everywhere("begin"));
afterEach(() => everywhere("rollback"));

test("where nothing went wrong, every invariant holds", async () => {
  const findings = await audit();
  expect(findings.filter((finding) => !isHeld(finding))).toEqual([]);
  expect(findings.map(({ id }) => id)).toEqual(["plan", "I1", "I2", "I3", "I5", "I8", "I8", "I9", "I13"]);
});

test("an order that ended otherwise than planned is told", async () => {
  await change("order", "update orders set status = 'placed' where order_id = $1", [completed]);
  expect(await faultOf("plan", completed)).toBe("should have been completed and is placed");
});

test("a message that a consumer never handled is a loss, and it is told where it was last seen", async () => {
  const id = idOf("order.completed");
  await change("analytics", "delete from processed_messages where message_id = $1", [id]);
  expect(await faultOf("I1", id)).toBe(
    "order.completed was not handled by analytics; committed by order, published on kafka, sns-sqs, handled by inventory",
  );
  expect(await faultsOf("I9")).toBeDefined();
});

test("an event whose message is missing in the outbox is a loss", async () => {
  await change("order", "delete from outbox where id = $1", [idOf("order.completed")]);
  expect(await faultOf("I1", `order-${completed}`)).toBe(
    "event 4, completed, is committed and order.completed is in no outbox",
  );
});

test("a reservation whose message is missing in the outbox is a loss", async () => {
  await change("inventory", "delete from outbox where id = $1", [idOf("stock.released")]);
  expect(await faultOf("I1", declined)).toBe("the reservation is released and stock.released is in no outbox");
});

test("a message that was handled without an effect is a loss", async () => {
  await change("analytics", "update order_facts set completed_at = null where order_id = $1", [completed]);
  expect(await faultOf("I1", idOf("order.completed"))).toMatch("order.completed has no effect in analytics");
});

test("an order that was answered and is in no database is a loss", async () => {
  const lost = { ...story.placed[0], orderId: newId(), answers: [] } as Evidence["placed"][number];
  const findings = await audit({ placed: [...story.placed, lost] });
  expect(offenderOf(findings, "I1", lost.orderId)).toBe("the order was answered 201 and is in no database");
});

test("a message on a broker that nobody committed is a ghost", async () => {
  const ghost = { ...sighting("order.created"), id: newId() };
  const findings = await audit({ sightings: [...story.sightings, ghost] });
  expect(offenderOf(findings, "I2", ghost.id)).toBe("order.created was seen on kafka, not committed by order-service");
});

test("a message that was handled and that nobody committed is a ghost", async () => {
  const id = newId();
  await change("billing", "insert into processed_messages values ('billing', $1, now())", [id]);
  expect(await faultOf("I2", id)).toBe("was handled by billing, and is in no outbox");
});

test("an event that one message caused twice is a double effect", async () => {
  await change(
    "order",
    `insert into events (stream_id, version, event_id, type, schema_version, data, metadata)
     select stream_id, 5, gen_random_uuid(), type, 1, data, metadata from events where stream_id = $1 and version = 2`,
    [`order-${completed}`],
  );
  expect(await faultOf("I3", `order-${completed}`)).toMatch("stock-reserved happened at versions 2 and 5");
});

test("a second charge is a double effect, and money that is not conserved", async () => {
  const findings = await audit({ ledger: [...story.ledger, ...story.ledger] });
  expect(offenderOf(findings, "I3", completed)).toBe("has 2 entries of kind charge");
  expect(offenderOf(findings, "I8", completed)).toBe("cost 2933 cents and was charged 5866");
});

test("a key that was answered with two orders is a double effect", async () => {
  const [first, ...others] = story.placed;
  const doubled = { ...first, answers: [completed, declined] } as Evidence["placed"][number];
  const findings = await audit({ placed: [doubled, ...others] });
  expect(offenderOf(findings, "I3", completed)).toBe(`one key was answered with ${completed} and ${declined}`);
});

test("an event that does not name its cause cannot be told from a double", async () => {
  const text = "update events set metadata = '{}' where stream_id = $1 and version = 2";
  await change("billing", text, [`payment-${completed}`]);
  expect(await faultOf("I3", `payment-${completed}`)).toBe("event 2, charge-started, does not name its cause");
});

test("a gap in the versions of a stream breaks the order", async () => {
  await change("order", "delete from events where stream_id = $1 and version = 2", [`order-${completed}`]);
  expect(await faultOf("I5", `order-${completed}`)).toBe("has versions 1, 3, 4 and says that the last one is 4");
});

test("a gap in the sequence of a key breaks the order", async () => {
  await change("order", "update outbox set sequence = 3 where id = $1", [idOf("order.completed")]);
  expect(await faultOf("I5", `order-service ${completed}`)).toBe("has the sequences 1, 3 in the outbox");
});

test("a message that overtook another of its key and type on Kafka breaks the order", async () => {
  const late = { ...sighting("order.created"), id: newId(), sequence: 0 };
  const findings = await audit({ sightings: [...story.sightings, late] });
  expect(offenderOf(findings, "I5", late.id)).toBe(`order-service ${completed} order.created: 0 came after 1`);
});

test("an amount that differs between the books is not conserved", async () => {
  await change("analytics", "update order_facts set total_in_cents = 2932 where order_id = $1", [completed]);
  expect((await broken()).map(({ id }) => id)).toEqual(["I8"]);
});

test("a CD that is neither on hand nor shipped is not conserved", async () => {
  await change("inventory", "update stock set on_hand = 0 where sku = 'r1-cd-01'");
  expect(await faultOf("I8", "r1-cd-01")).toBe("0 on hand and 0 shipped of 1");
});

test("a CD that was promised twice is told", async () => {
  const text = "update events set data = jsonb_set(data, '{quantity}', '3') where stream_id = $1 and type = 'reserved'";
  await change("inventory", text, ["stock-r1-cd-00"]);
  expect(await faultOf("I8", "r1-cd-00")).toBe("1 were promised that were not there");
});

test("a dead letter is told with its group and broker", async () => {
  const deadLetters = { before: new Map([["billing on sns-sqs", 1]]), after: new Map([["billing on sns-sqs", 3]]) };
  expect(offenderOf(await audit({ deadLetters }), "I9", "billing on sns-sqs")).toBe("2 were set aside");
});

test("a message that its relay could not publish is told", async () => {
  const id = idOf("order.completed");
  await change(
    "order",
    "insert into outbox_dead select 'kafka', outbox.*, 20, 'too large', now() from outbox where id = $1",
    [id],
  );
  expect(await faultOf("I9", id)).toBe("dead for kafka");
});

test("a relay that is not at the end is told", async () => {
  await change("order", "update log_cursors set position = 1 where reader = 'sns-sqs'");
  expect(await faultOf("I13", "order to sns-sqs")).toMatch(/^the relay is at 1 of \d+$/);
});

test("a row that left and was seen on no broker is told", async () => {
  const id = idOf("payment.requested");
  const findings = await audit({ sightings: story.sightings.filter((each) => each.id !== id) });
  expect(offenderOf(findings, "I13", id)).toBe(
    "payment.requested was not seen on rabbitmq; committed by billing, seen on no broker, handled by billing.work",
  );
});

async function audit(otherwise: Partial<Evidence> = {}): Promise<Finding[]> {
  const sightings = otherwise.sightings ?? story.sightings;
  const records = await readRecords(databases, story.window);
  return judge({ ...story, records, seenOn: roadsById(sightings), ...otherwise });
}

async function broken(): Promise<Finding[]> {
  return (await audit()).filter((finding) => !isHeld(finding));
}

async function faultsOf(id: string): Promise<Finding | undefined> {
  return (await broken()).find((finding) => finding.id === id);
}

async function faultOf(invariant: string, offender: string): Promise<string | undefined> {
  return offenderOf(await broken(), invariant, offender);
}

function offenderOf(findings: readonly Finding[], invariant: string, offender: string): string | undefined {
  const offenders = findings.filter(({ id }) => id === invariant).flatMap((finding) => finding.offenders);
  return offenders.find(({ id }) => id === offender)?.fault;
}

/** The first message of the type: that of the completed order, where it has one. */
function sighting(type: string) {
  const found = story.sightings.find((each) => each.type === type);
  if (!found) throw new Error(`Nobody told ${type}`);
  return found;
}

function idOf(type: string): string {
  return sighting(type).id;
}

async function change(service: ServiceName, text: string, values: readonly unknown[] = []): Promise<void> {
  const { rowCount } = await databases[service].query(text, [...values]);
  expect(rowCount).toBeGreaterThan(0);
}

async function everywhere(text: "begin" | "rollback"): Promise<void> {
  await Promise.all(serviceNames.map((name) => databases[name].query(text)));
}
