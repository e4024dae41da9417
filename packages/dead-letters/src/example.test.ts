import { memoryTransport } from "@throughline/transport/memory";
import { expect, test } from "vitest";
import { startDeadLetters } from "./index.ts";
import { group, openTables, type } from "./testing/letters.ts";

test("a service drains its own dead letters, beside its consumer", async () => {
  await using opened = await openTables();
  const { database } = opened;
  const road = memoryTransport();

  await using deadLetters = await startDeadLetters(database, { groups: [{ group, types: [type], from: [road] }] });

  expect(await deadLetters.status()).toEqual([]); // nothing waits for a person
});
