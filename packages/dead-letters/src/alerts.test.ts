import { once } from "node:events";
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { describe, expect, test, vi } from "vitest";
import { startDeadLetters } from "./index.ts";
import { cancelled, group, isExcused, lettersWhen, letterWhen, openLetters, patience } from "./testing/letters.ts";

describe.skipIf(isExcused)("an alert", () => {
  test("tells of a kind of failure once, and of another kind at once", async () => {
    await using receiver = await openReceiver();
    await using shop = await openLetters({ isDraining: false });
    const alerts = { webhookUrl: receiver.url, service: "diary", quietMs: 600_000 };
    await using _ = await startDeadLetters(shop.database, { groups: shop.groups, alerts });
    shop.fault.message = "no room for order 1";
    await shop.publish(cancelled("o-1"));
    await vi.waitUntil(() => receiver.texts.length === 1, patience);
    expect(receiver.texts[0]).toMatch(
      /^A message order\.cancelled failed in diary: no room for order 1\n.*show diary-1/,
    );
    shop.fault.message = "no room for order 2";
    await shop.publish(cancelled("o-2"));
    await letterWhen(shop.database, 2);
    shop.fault.message = "something else";
    await shop.publish(cancelled("o-3"));
    await vi.waitUntil(() => receiver.texts.length > 1, patience);
    expect(receiver.texts).toEqual([expect.any(String), expect.stringMatching(/something else/)]);
  });

  test("after the quiet period tells again, if there is news", async () => {
    await using receiver = await openReceiver();
    await using shop = await openLetters({ isDraining: false });
    const alerts = { webhookUrl: receiver.url, service: "diary", quietMs: 1 };
    await using _ = await startDeadLetters(shop.database, { groups: shop.groups, alerts });
    shop.fault.message = "no";
    await shop.publish(cancelled("o-1"));
    await vi.waitUntil(() => receiver.texts.length === 1, patience);
    await shop.publish(cancelled("o-2"));
    await vi.waitUntil(() => receiver.texts.length === 2, patience);
  });

  test("tells also of letters that came while it told of others", async () => {
    await using receiver = await openReceiver();
    await using shop = await openLetters({ isDraining: false });
    receiver.beforeAnswer = async () => {
      receiver.beforeAnswer = undefined;
      await shop.publish(cancelled("o-2"), cancelled("o-3"));
      await lettersWhen(shop.database, 3);
    };
    const alerts = { webhookUrl: receiver.url, service: "diary", quietMs: 1, timeoutMs: 20_000 };
    await using _ = await startDeadLetters(shop.database, { groups: shop.groups, alerts });
    shop.fault.message = "no";
    await shop.publish(cancelled("o-1"));
    await vi.waitUntil(() => receiver.texts.length === 2, patience);
    expect(receiver.texts[1]).toMatch(/^2 messages order\.cancelled failed/);
  });

  test("that nobody takes costs no letter, and is told once somebody does", async () => {
    await using receiver = await openReceiver();
    receiver.answer = "nothing";
    await using shop = await openLetters({ isDraining: false });
    const errors: string[] = [];
    const onError = ({ message }: Error) => void errors.push(message);
    const alerts = { webhookUrl: receiver.url, service: "diary", quietMs: 100, timeoutMs: 200 };
    await using drain = await startDeadLetters(shop.database, { groups: shop.groups, alerts, onError });
    shop.fault.message = "no";
    await shop.publish(cancelled("o-1"), cancelled("o-2"), cancelled("o-3"));
    await lettersWhen(shop.database, 3);
    await vi.waitUntil(() => errors.length > 0, patience);
    receiver.answer = 500;
    await vi.waitUntil(() => errors.some((error) => /answered 500/.test(error)), patience);
    receiver.answer = 200;
    await vi.waitUntil(() => receiver.texts.length > 0, patience);
    expect(receiver.texts[0]).toMatch(/^3 messages order\.cancelled failed/);
    expect(await drain.status()).toEqual([{ group, road: "rabbitmq", open: 3, quarantined: 0 }]);
  });
});

/** Somebody's webhook: it takes `{ text }`, answers as told, or leaves the caller waiting. */
async function openReceiver() {
  const receiver = {
    url: "",
    texts: [] as string[],
    answer: 200 as number | "nothing",
    beforeAnswer: undefined as (() => Promise<void>) | undefined,
  };
  const server = createServer(async (request, response) => {
    const { text } = (await json(request)) as { text: string };
    if (receiver.answer === "nothing") return;
    if (receiver.answer === 200) receiver.texts.push(text);
    await receiver.beforeAnswer?.();
    response.writeHead(receiver.answer).end("ok");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  receiver.url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  return Object.assign(receiver, {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  });
}
