import { serializeEnvelope } from "@throughline/envelope";
import { testBrokers } from "@throughline/local/testing";
import { query } from "@throughline/log";
import { parseConfig } from "@throughline/service";
import { expect, test, vi } from "vitest";
import { openDesk } from "./open-desk.ts";
import { previewReplay } from "./preview.ts";
import { replayLetter } from "./replay.ts";
import { cancelled, isExcused, letterWhen, openLetters, patience } from "./testing/letters.ts";

test.skipIf(isExcused)("what a relay gave up goes out again by the road that had refused it", async () => {
  await using shop = await openLetters();
  const dead = cancelled("o-1");
  await query(
    shop.database,
    "given_up",
    `insert into outbox_dead (destination, position, created_at, key, type, id, version, "timestamp", source, sequence,
       correlation_id, wire, slot, attempts, error)
     values ('rabbitmq', 1, now(), 'o-1', '${dead.type}', 'x', '1', 'x', 'order-service', 1, 'c', $1, 0, 20, 'too large')`,
    [serializeEnvelope(dead)],
  );
  const letter = await letterWhen(shop.database, 1);
  await using desk = await openDesk(
    parseConfig(
      { service: "diary", port: 0 },
      { DATABASE_URL: shop.url, NAMESPACE: shop.namespace, RABBITMQ_URL: testBrokers.rabbitmq, LOG_LEVEL: "silent" },
    ),
  );
  expect(await previewReplay(desk, letter)).toEqual({ verdict: "will be published", why: "to rabbitmq" });
  expect(await replayLetter(desk, 1, { by: "ann" })).toBe(true);
  await vi.waitUntil(() => shop.consumer.status().handled === 1, patience);
  expect(await shop.notes()).toEqual(["changed my mind"]);
});

test.skipIf(isExcused)(
  "where a service's code is not on this machine, a preview says what the inbox alone knows",
  async () => {
    await using shop = await openLetters();
    shop.fault.message = "no";
    await shop.publish(cancelled("o-1"));
    const letter = await letterWhen(shop.database, 1);
    const elsewhere = { ...shop.desk, reactionsOf: async () => undefined };
    const why = "diary handles it from the start; what it does about it is not on this machine";
    expect(await previewReplay(elsewhere, letter)).toEqual({ verdict: "will run", why });
  },
);
