import { carryBaggage, createEnvelope, parseEnvelope, serializeEnvelope } from "@throughline/envelope";
import { query } from "@throughline/log";
import { describe, expect, test, vi } from "vitest";
import { readActions } from "./actions.ts";
import { bury } from "./bury.ts";
import type { Desk } from "./desk.ts";
import { discardLetter, discardMany } from "./discard.ts";
import { dryRun } from "./dry-run.ts";
import { editLetter } from "./edit.ts";
import { previewReplay } from "./preview.ts";
import { replayLetter } from "./replay.ts";
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

const act = { by: "ann", reason: "the rule is fixed" };

describe.skipIf(isExcused)("a letter", () => {
  test("that is sent again has its effect, once, and the record says who did it and why", async () => {
    await using shop = await openLetters();
    shop.fault.message = "no";
    await shop.publish(cancelled("o-1"));
    const letter = await letterWhen(shop.database, 1);
    shop.fault.message = undefined;
    expect(await previewReplay(shop.desk, letter)).toMatchObject({ verdict: "will run" });

    expect(await replayLetter(shop.desk, 1, act)).toBe(true);
    await vi.waitUntil(() => shop.consumer.status().handled === 1, patience);
    expect(await shop.notes()).toEqual(["changed my mind"]);
    const replayed = await letterWhen(shop.database, 1, ({ state }) => state === "replayed");
    expect(replayed.replays).toBe(1);
    const record = { action: "replayed", by: "ann", reason: "the rule is fixed", detail: null };
    expect(await readActions(shop.database, 1)).toEqual([{ ...record, at: expect.any(Date) }]);
    expect(await replayLetter(shop.desk, 1, act)).toBe(false);
    expect(await previewReplay(shop.desk, letter)).toMatchObject({ verdict: "skipped" });
  });

  test("that dies again after three replays is only looked at from then on", async () => {
    await using shop = await openLetters();
    shop.fault.message = "no";
    await shop.publish(cancelled("o-1"));
    for (const deaths of [1, 2, 3]) {
      await letterWhen(shop.database, 1, (letter) => letter.state === "open" && letter.deaths === deaths);
      expect(await replayLetter(shop.desk, 1, act)).toBe(true);
    }
    const letter = await letterWhen(shop.database, 1, ({ state }) => state === "quarantined");
    expect(letter).toMatchObject({ replays: 3, deaths: 4 });
    expect(await replayLetter(shop.desk, 1, act)).toBe(false);
    expect(await previewReplay(shop.desk, letter)).toMatchObject({ verdict: "not sent" });
    expect(await discardLetter(shop.desk, 1, act)).toBe(true);
  });

  test("whose data is wrong goes out corrected, as a new message that says what it replaces", async () => {
    await using shop = await openLetters();
    await shop.publish(cancelled("o-1", 7));
    const letter = await letterWhen(shop.database, 1);
    expect(await previewReplay(shop.desk, letter)).toMatchObject({ verdict: "fails", why: /data\.reason/ });
    await expect(editLetter(shop.desk, 1, { orderId: "o-1", reason: "" }, act)).rejects.toThrow(/data\.reason/);
    expect(await letterWhen(shop.database, 1)).toMatchObject({ state: "open", replacedBy: null });

    const id = await editLetter(shop.desk, 1, { orderId: "o-1", reason: "too late" }, act);
    await vi.waitUntil(() => shop.consumer.status().handled === 1, patience);
    expect(await shop.notes()).toEqual(["too late"]);
    expect(await letterWhen(shop.database, 1)).toMatchObject({ state: "replaced", replacedBy: id });
    expect(await readActions(shop.database, 1)).toMatchObject([{ action: "replaced", by: "ann", detail: id }]);
    await expect(editLetter(shop.desk, 1, { orderId: "o-1", reason: "again" }, act)).rejects.toThrow(/settled/);
  });

  test("has what was said along with its message, whether it is corrected or sent again", async () => {
    using _ = carryBaggage(["tenant"]);
    await using shop = await openLetters();
    const baggage = { tenant: "acme", secret: "1" };
    await shop.publish({ ...cancelled("o-1", 7), baggage });
    expect(parseEnvelope((await letterWhen(shop.database, 1)).body).baggage).toEqual(baggage);
    await editLetter(shop.desk, 1, { orderId: "o-1", reason: "too late" }, act);
    await vi.waitUntil(() => shop.consumer.status().handled === 1, patience);

    shop.fault.message = "no";
    await shop.publish({ ...cancelled("o-2"), baggage });
    await letterWhen(shop.database, 2);
    shop.fault.message = undefined;
    await replayLetter(shop.desk, 2, act);
    await vi.waitUntil(() => shop.consumer.status().handled === 2, patience);
    const told = await query<{ wire: string }>(shop.database, "told", "select wire from outbox order by position");
    expect(told.map(({ wire }) => parseEnvelope(wire).baggage)).toEqual([{ tenant: "acme" }, { tenant: "acme" }]);
  });

  test("of which the correction may be with the broker already goes out under the same id again", async () => {
    await using shop = await openLetters();
    await shop.publish(cancelled("o-1", 7));
    await letterWhen(shop.database, 1);
    const unanswered = afterRedelivery(shop.desk, () => Promise.reject(new Error("no answer")));
    await expect(editLetter(unanswered, 1, { orderId: "o-1", reason: "too late" }, act)).rejects.toThrow("no answer");
    await vi.waitUntil(() => shop.consumer.status().handled === 1, patience);
    expect(await letterWhen(shop.database, 1)).toMatchObject({ state: "open" });

    await editLetter(shop.desk, 1, { orderId: "o-1", reason: "too late" }, act);
    await vi.waitUntil(() => shop.consumer.status().duplicates === 1, patience);
    expect(await shop.notes()).toEqual(["too late"]);
  });

  test("whose key waits for it is corrected at its place, however soon the broker brings the correction", async () => {
    await using shop = await openLetters({ parks: [type] });
    await shop.publish(cancelled("o-1", 7));
    await letterWhen(shop.database, 1);
    await shop.publish(cancelled("o-1", "2"));
    await vi.waitUntil(() => shop.consumer.status().putAside === 1, patience);
    const asking = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    const slow = afterRedelivery(shop.desk, () =>
      vi.waitUntil(async () => (await query(shop.database, "asking", asking)).length > 0, patience),
    );
    await editLetter(slow, 1, { orderId: "o-1", reason: "1" }, act);
    await vi.waitUntil(() => shop.consumer.status().handled === 2, patience);
    expect(await shop.notes()).toEqual(["1", "2"]);
  });

  test("whose key waits for it is corrected also where the correction came already, and waits behind it", async () => {
    await using shop = await openLetters({ parks: [type] });
    await shop.publish(cancelled("o-1", 7));
    await letterWhen(shop.database, 1);
    const unanswered = afterRedelivery(shop.desk, () => Promise.reject(new Error("no answer")));
    await expect(editLetter(unanswered, 1, { orderId: "o-1", reason: "1" }, act)).rejects.toThrow("no answer");
    await vi.waitUntil(() => shop.consumer.status().putAside === 1, patience);

    await editLetter(shop.desk, 1, { orderId: "o-1", reason: "1" }, act);
    await vi.waitUntil(() => shop.consumer.status().handled === 1, patience);
    await shop.publish(cancelled("o-1", "2"));
    await vi.waitUntil(() => shop.consumer.status().handled === 2, patience);
    expect(await shop.notes()).toEqual(["1", "2"]);
  });

  test("that is work is not corrected, because whoever does it knows it by its id", async () => {
    await using shop = await openLetters({ isDraining: false });
    const data = { orderId: "o-1", amountInCents: 1, currency: "USD", express: false };
    const message = { type: "payment.requested", version: "1", key: "o-1", data };
    const body = Buffer.from(serializeEnvelope(createEnvelope(message, { source: "billing-service" })));
    const fate = { error: { name: "Error", message: "no answer" }, attempts: 10, failedAt: new Date() };
    const letter = { group: "billing.work", origin: { name: "work" }, body, headers: {}, ...fate };
    await bury(shop.database, { letter, road: "rabbitmq", id: "1" });
    await expect(editLetter(shop.desk, 1, data, act)).rejects.toThrow(/^Work is known by its id/);
    expect(await letterWhen(shop.database, 1)).toMatchObject({ state: "open" });
  });

  test("parks its key where its type does, and a replay lets the others go on in order", async () => {
    await using shop = await openLetters({ parks: [type] });
    shop.fault.message = "no";
    const [first, second] = [cancelled("o-1", "1"), cancelled("o-1", "2")];
    await shop.publish(first);
    await letterWhen(shop.database, 1);
    await shop.publish(second);
    await vi.waitUntil(() => shop.consumer.status().putAside === 1, patience);
    shop.fault.message = undefined;
    await replayLetter(shop.desk, 1, act);
    await vi.waitUntil(() => shop.consumer.status().handled === 2, patience);
    expect(await shop.notes()).toEqual(["1", "2"]);
  });

  test("that died at its turn behind a parked key is sent again, discarded or corrected like any other", async () => {
    await using shop = await openLetters({ parks: [type] });
    shop.fault.message = "no";
    const all = ["1", "2", "3", "4"].map((reason) => cancelled("o-1", reason));
    await shop.publish(...all.slice(0, 1));
    await letterWhen(shop.database, 1);
    await shop.publish(...all.slice(1));
    await vi.waitUntil(() => shop.consumer.status().putAside === 3, patience);

    await discardLetter(shop.desk, 1, act);
    const second = await letterWhen(shop.database, 2);
    expect(second).toMatchObject({ road: "inbox", group, origin: { name: "inbox_parked" }, attempts: 1 });
    await discardLetter(shop.desk, 2, act);
    const third = await letterWhen(shop.database, 3);
    const id = await editLetter(shop.desk, 3, { orderId: "o-1", reason: "third" }, act);
    const corrected = await letterWhen(shop.database, 4);
    expect([corrected.messageId, parseEnvelope(corrected.body).causationId]).toEqual([id, third.messageId]);
    shop.fault.message = undefined;
    await replayLetter(shop.desk, 4, act);
    await vi.waitUntil(() => shop.consumer.status().handled === 2, patience);
    const notes = await shop.notes();
    expect(notes.toSorted()).toEqual(["third", expect.stringMatching(/[234]/)].toSorted());
    expect(notes[0]).toBe("third");
  });

  test("of many that are given up, the others go on where one cannot be, and stop where a person stops it", async () => {
    await using shop = await openLetters();
    await shop.publish(cancelled("o-1", 7), cancelled("o-2", 7), cancelled("o-3", 7));
    await lettersWhen(shop.database, 3);
    const stopping = new AbortController();
    const away = { ...shop.desk, database: { transaction: () => Promise.reject(new Error("no answer")) } as never };
    const last = {
      number: 2,
      get desk() {
        stopping.abort();
        return shop.desk;
      },
    };
    const all = [{ desk: shop.desk, number: 1 }, { desk: away, number: 3 }, last, { desk: shop.desk, number: 3 }];
    expect(await discardMany(all, { ...act, signal: stopping.signal })).toEqual({
      ...{ discarded: 1, settled: 0, left: 2 },
      failed: [{ letter: `${shop.desk.service}-3`, reason: "no answer" }],
    });
    expect((await letterWhen(shop.database, 3)).state).toBe("open");
  });

  test("that is tried out shows what it would write and publish, and writes nothing", async () => {
    await using shop = await openLetters();
    shop.fault.message = "no";
    await shop.publish(cancelled("o-1"));
    const letter = await letterWhen(shop.database, 1);
    expect(await dryRun(shop.desk, letter)).toMatchObject({ verdict: "fails", why: "no" });
    shop.fault.message = undefined;
    await shop.database.execute("insert into notes (text) values ('from before')");
    const data = { orderId: "o-1", reason: "changed my mind" };
    expect(await dryRun(shop.desk, letter)).toEqual({
      verdict: "will run",
      why: expect.any(String),
      changes: [
        { table: "notes", inserted: 1, updated: 0, deleted: 0, rows: [{ number: 2, text: "changed my mind" }] },
      ],
      published: [{ type: "note.written", key: "o-1", data }],
    });
    expect(await shop.notes()).toEqual(["from before"]);
  });

  test("whose handling asks a third party is not tried out", async () => {
    let calls = 0;
    const third = async () => {
      calls += 1;
      throw new Error("away");
    };
    await using shop = await openLetters({ third });
    await shop.publish(cancelled("o-1"));
    const letter = await letterWhen(shop.database, 1);
    const before = calls;
    expect(await dryRun(shop.desk, letter)).toMatchObject({ verdict: "will run", why: /third party/, changes: [] });
    expect(calls).toBe(before);
  });
});

/** A desk at which something happens between a letter's way back and the commit. */
function afterRedelivery(desk: Desk, happens: () => Promise<unknown>): Desk {
  return {
    ...desk,
    async road(name) {
      const road = await desk.road(name);
      const { deadLetters } = road;
      if (deadLetters === undefined) return road;
      const redeliver: typeof deadLetters.redeliver = async (letter) => {
        await deadLetters.redeliver(letter);
        await happens();
      };
      return { ...road, deadLetters: { ...deadLetters, redeliver } };
    },
  };
}
