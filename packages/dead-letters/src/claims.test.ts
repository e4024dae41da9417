import { type ClaimStore, claimBody, provideClaims } from "@throughline/claims";
import { type Envelope, parseEnvelope, serializeEnvelope } from "@throughline/envelope";
import { describe, expect, test, vi } from "vitest";
import { show } from "./command/look.ts";
import { dryRun } from "./dry-run.ts";
import { editLetter } from "./edit.ts";
import { previewReplay } from "./preview.ts";
import { replayLetter } from "./replay.ts";
import { cancelled, isExcused, letterWhen, openLetters, patience } from "./testing/letters.ts";

const act = { by: "ann", reason: "the rule is fixed" };

describe.skipIf(isExcused)("a letter whose body stayed behind", () => {
  test("is shown with its reference, held against its contract whole, and sent again as it came", async () => {
    const bodies = new Map<string, Uint8Array>();
    using _ = provideClaims(storeIn(bodies));
    await using shop = await openLetters();
    shop.fault.message = "no";
    const message = await claimed(cancelled("o-1"));
    await shop.publish(message);
    const letter = await letterWhen(shop.database, 1);
    expect(Buffer.from(letter.body).toString()).toBe(serializeEnvelope(message));
    const shown = await show({ desk: shop.desk, number: 1 });
    expect(shown.json).toMatchObject({ body: serializeEnvelope(message), contractFault: null });
    expect(shown.text).toContain(`"dataref": "${message.dataref}"`);

    shop.fault.message = undefined;
    expect(await dryRun(shop.desk, letter)).toMatchObject({ verdict: "will run", published: [{ key: "o-1" }] });
    expect(await replayLetter(shop.desk, 1, act)).toBe(true);
    await vi.waitUntil(() => shop.consumer.status().handled === 1, patience);
    expect(await shop.notes()).toEqual(["changed my mind"]);
    expect(bodies.size).toBe(1);
  });

  test("that is not to be had any more says so before it is sent again", async () => {
    const bodies = new Map<string, Uint8Array>();
    using _ = provideClaims(storeIn(bodies));
    await using shop = await openLetters();
    const message = await claimed(cancelled("o-1"));
    bodies.clear();
    await shop.publish(message);
    const letter = await letterWhen(shop.database, 1);
    expect(letter).toMatchObject({ attempts: 3, error: { name: "MissingBodyError" } });
    expect(await previewReplay(shop.desk, letter)).toMatchObject({ verdict: "fails", why: /is not there/ });
    expect((await show({ desk: shop.desk, number: 1 })).json).toMatchObject({ contractFault: /is not there/ });
  });

  test("is corrected by data of any size", async () => {
    const bodies = new Map<string, Uint8Array>();
    using _ = provideClaims(storeIn(bodies));
    await using shop = await openLetters();
    await shop.publish(await claimed(cancelled("o-1", 7)), await claimed(cancelled("o-2", 8)));
    await letterWhen(shop.database, 2);
    const letters = await Promise.all([1, 2].map((number) => letterWhen(shop.database, number)));
    for (const [number, attachment] of [
      [1, ""],
      [2, "x".repeat(300_000)],
    ] as const) {
      const { key } = parseEnvelope(letters[number - 1]?.body ?? "");
      await editLetter(shop.desk, number, { orderId: key, reason: `with ${attachment.length}`, attachment }, act);
    }
    await vi.waitUntil(() => shop.consumer.status().handled === 2, patience);
    expect((await shop.notes()).toSorted()).toEqual(["with 0", "with 300000"]);
    expect(bodies.size).toBe(3);
  });
});

function storeIn(bodies: Map<string, Uint8Array>): ClaimStore {
  return {
    put: async (reference, body) => void bodies.set(reference, body),
    get: async (reference) => bodies.get(reference),
    removeBefore: async () => {},
  };
}

async function claimed(envelope: Envelope): Promise<Envelope> {
  const { envelope: reference, put } = claimBody(envelope);
  await put();
  return reference;
}
