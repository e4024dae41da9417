import { type Attributes, createNoopMeter, metrics } from "@opentelemetry/api";
import { newId, serializeEnvelope } from "@throughline/envelope";
import { query } from "@throughline/log";
import { describe, expect, test, vi } from "vitest";
import { bury } from "./bury.ts";
import { startDeadLetters } from "./index.ts";
import { findNumbers } from "./letter.ts";
import {
  cancelled,
  group,
  isExcused,
  lettersWhen,
  letterWhen,
  openLetters,
  patience,
  type,
} from "./testing/letters.ts";

describe.skipIf(isExcused)("draining", () => {
  test("a message that failed becomes a row with all that is known of it, and is gone from the broker", async () => {
    await using shop = await openLetters();
    shop.fault.message = "order o-17 is unknown\0";
    const envelope = cancelled("o-17");
    await shop.publish(envelope);
    const letter = await letterWhen(shop.database, 1);
    expect(letter).toMatchObject({
      ...{ state: "open", road: "rabbitmq", group, attempts: 1, replays: 0, deaths: 1 },
      ...{ messageId: envelope.id, type, version: "1", key: "o-17", correlationId: envelope.correlationId },
      origin: { name: `${shop.namespace}.${group}` },
      error: { name: "RejectedError", message: expect.stringContaining("order o-17 is unknown") },
      fingerprint: expect.stringMatching(/^[0-9a-f]{8}$/),
    });
    expect(Buffer.from(letter.body).toString()).toBe(serializeEnvelope(envelope));
    expect(letter.headers).toMatchObject({ "amqp.messageId": envelope.id });
    expect(letter.error.stack).toMatch(/letters\.ts/);
    await vi.waitUntil(async () => (await shop.road.backlog(group, [type])).deadLetters === 0, patience);
    expect(await shop.letters?.status()).toEqual([{ group, road: "rabbitmq", open: 1, quarantined: 0 }]);
  });

  test("failures that differ in ids alone are of one kind", async () => {
    await using shop = await openLetters();
    shop.fault.message = "no";
    await shop.publish(cancelled("o-1", 7), cancelled("o-2", 8));
    const [first, second] = [await letterWhen(shop.database, 1), await letterWhen(shop.database, 2)];
    expect(first.fingerprint).toBe(second.fingerprint);
  });

  test("letters are counted by the kind of their failure", async () => {
    using counter = countLetters();
    await using shop = await openLetters();
    shop.fault.message = "no room for order 1";
    await shop.publish(cancelled("o-1"), cancelled("o-2"));
    await lettersWhen(shop.database, 2);
    shop.fault.message = "something else";
    await shop.publish(cancelled("o-3"));
    const [common, rare] = [await letterWhen(shop.database, 1), await letterWhen(shop.database, 3)];
    const counts = { [`diary rabbitmq ${common.fingerprint}`]: 2, [`diary rabbitmq ${rare.fingerprint}`]: 1 };
    await vi.waitFor(() => expect(counter.counts).toEqual(counts), patience);
  });

  test("what a relay gave up becomes a letter, and leaves its table", async () => {
    await using shop = await openLetters();
    const wire = serializeEnvelope(cancelled("o-1"));
    await query(
      shop.database,
      "bury",
      `insert into outbox_dead (destination, position, created_at, key, type, id, version, "timestamp", source, sequence,
         correlation_id, wire, slot, attempts, error)
       values ('rabbitmq', 1, now(), 'o-1', '${type}', 'x', '1', 'x', 'order-service', 1, 'c', $1, 0, 20, 'too large')`,
      [wire],
    );
    const letter = await letterWhen(shop.database, 1);
    expect(letter).toMatchObject({
      ...{ group: "outbox", road: "outbox", origin: { name: "rabbitmq" }, attempts: 20, key: "o-1" },
      error: { message: "too large" },
    });
    expect(await query(shop.database, "rest", "select from outbox_dead")).toEqual([]);
  });

  test("what two destinations refused is a letter for each", async () => {
    await using shop = await openLetters();
    const wire = serializeEnvelope(cancelled("o-1"));
    for (const destination of ["kafka", "sns-sqs"]) {
      await query(
        shop.database,
        "bury",
        `insert into outbox_dead (destination, position, created_at, key, type, id, version, "timestamp", source, sequence,
           correlation_id, wire, slot, attempts, error)
         values ($2, 1, now(), 'o-1', '${type}', 'x', '1', 'x', 'order-service', 1, 'c', $1, 0, 20, 'too large')`,
        [wire, destination],
      );
    }
    const letters = [await letterWhen(shop.database, 1), await letterWhen(shop.database, 2)];
    expect(letters.map(({ origin }) => origin.name).sort()).toEqual(["kafka", "sns-sqs"]);
  });

  test("whatever the key of a record is, the letter is kept", async () => {
    await using shop = await openLetters({ isDraining: false });
    const fate = { error: { name: "RejectedError", message: "no envelope" }, attempts: 1, failedAt: new Date() };
    const origin = { name: "dev.order.created", partition: 0, offset: "7", key: "\0\0\0\u0007" };
    const letter = { group, origin, body: Buffer.from("?"), headers: {}, ...fate };
    expect(await bury(shop.database, { letter, road: "kafka", id: "1" })).toMatchObject({ number: 1 });
  });

  test("whatever is written in its headers, and however long the key of its record, the letter is kept once", async () => {
    await using shop = await openLetters({ isDraining: false });
    const fate = { error: { name: "RejectedError", message: "no envelope" }, attempts: 2 ** 31, failedAt: new Date() };
    const key = Array.from({ length: 1_000 }, newId).join();
    const origin = { name: "dev.order.created", partition: 2 ** 40, offset: "7", key };
    const death = { letter: { group, origin, body: Buffer.of(), headers: {}, ...fate }, road: "kafka", id: "1" };
    expect(await bury(shop.database, death)).toMatchObject({ number: 1 });
    expect(await bury(shop.database, { ...death, id: "2" })).toMatchObject({ number: 1 });
    expect(await letterWhen(shop.database, 1)).toMatchObject({ origin: { key }, attempts: 0, deaths: 2 });
  });

  test("records without an envelope that have the same bytes under other keys are letters of their own", async () => {
    await using shop = await openLetters({ isDraining: false });
    const fate = { error: { name: "RejectedError", message: "no envelope" }, attempts: 1, failedAt: new Date() };
    const buryOf = (key: string, offset: string) => {
      const origin = { name: "dev.order.created", partition: 0, offset, key };
      return bury(shop.database, {
        letter: { group, origin, body: Buffer.of(), headers: {}, ...fate },
        road: "kafka",
        id: offset,
      });
    };
    await buryOf("o-1", "7");
    await buryOf("o-2", "8");
    await buryOf("o-1", "9");
    const letters = [await letterWhen(shop.database, 1), await letterWhen(shop.database, 2)];
    expect(letters.map(({ origin, deaths }) => [origin.key, deaths])).toEqual([
      ["o-1", 2],
      ["o-2", 1],
    ]);
  });

  test("a letter that cannot be kept yet stays with the broker, and those who look on are told", async () => {
    await using shop = await openLetters({ isDraining: false });
    await shop.database.execute("alter table dead_letters rename to away");
    const errors: string[] = [];
    const onError = (error: Error) => void errors.push(error.message);
    await using _ = await startDeadLetters(shop.database, { groups: shop.groups, onError });
    shop.fault.message = "no";
    await shop.publish(cancelled("o-1"));
    await vi.waitUntil(() => errors.some((error) => /dead_letter_bury/.test(error)), patience);
    await shop.database.execute("alter table away rename to dead_letters");
    expect(await letterWhen(shop.database, 1)).toMatchObject({ state: "open", key: "o-1" });
  });

  test("the same message, dead again, has one row, and one more death", async () => {
    await using shop = await openLetters();
    shop.fault.message = "no";
    const envelope = cancelled("o-1");
    await shop.publish(envelope);
    const first = await letterWhen(shop.database, 1);
    await shop.publish(envelope);
    const again = await letterWhen(shop.database, 1, ({ deaths }) => deaths === 2);
    expect(again.firstFailedAt).toEqual(first.firstFailedAt);
    expect(again.failedAt.getTime()).toBeGreaterThan(first.failedAt.getTime());
    expect(await findNumbers(shop.database, { states: ["open"] })).toEqual([1]);
  });
});

/** Until disposed, keeps how many letters were counted, by group, road and kind of failure. */
function countLetters() {
  const counts: Record<string, number> = {};
  const createCounter = (name: string) => ({
    add(value: number, attributes: Attributes = {}) {
      const series = Object.values(attributes).join(" ");
      if (name === "throughline.dead_letters") counts[series] = (counts[series] ?? 0) + value;
    },
  });
  metrics.setGlobalMeterProvider({ getMeter: () => Object.assign(createNoopMeter(), { createCounter }) });
  return { counts, [Symbol.dispose]: () => metrics.disable() };
}
