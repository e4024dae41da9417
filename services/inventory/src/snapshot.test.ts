import { decide, migrations as eventStore, loadState } from "@throughline/event-store";
import { createMemoryStore } from "@throughline/event-store/testing";
import { openTestDatabase } from "@throughline/local/testing";
import { migrations as log } from "@throughline/log";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type StockCommand, StockError, stocks } from "./stock.ts";

const orderId = fc.constantFrom("o-1", "o-2", "o-3");
const command = fc.oneof<fc.Arbitrary<StockCommand>[]>(
  fc.record({ type: fc.constant("count"), onHand: fc.nat(20) }),
  fc.record({ type: fc.constant("reserve"), orderId, quantity: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ type: fc.constantFrom("release", "ship"), orderId }),
);

test("the kept stock of a SKU equals the replay of its history after every command, whatever happened", async () => {
  await using shelf = await openTestDatabase(log, eventStore);
  const memory = createMemoryStore();
  let skus = 0;
  const commands = fc.array(command, { minLength: 1, maxLength: 25 });
  const property = fc.asyncProperty(commands, fc.integer({ min: 1, max: 7 }), async (told, snapshotEvery) => {
    const sku = `cd-${skus++}`;
    const kept = { ...stocks, snapshotEvery };
    for (const command of told) {
      const decisions = [
        shelf.database.transaction((tx) => decide(tx, kept, sku, command)),
        memory.decide(stocks, sku, command),
      ];
      const [live, replayed] = await Promise.all(decisions.map((decision) => decision.then(stateOf, refusalOf)));
      expect(live).toEqual(replayed);
    }
    expect(await loadState(shelf.database, kept, sku)).toEqual(await memory.loadState(stocks, sku));
  });
  await fc.assert(property, { numRuns: 40 });
});

const stateOf = ({ state, version }: { readonly state: unknown; readonly version: number }) => ({ state, version });

function refusalOf(error: unknown) {
  if (error instanceof StockError) return error.message;
  throw error;
}
