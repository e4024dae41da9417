import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { RejectedError } from "@throughline/envelope";
import { describe, expect, test, vi } from "vitest";
import { type Bench, isExcused, listen, openBench, order, patience, payment, publish } from "./testing/under-test.ts";

const kinds = [
  { group: "billing", type: "order.created", create: order },
  { group: "billing.work", type: "payment.requested", create: payment },
];

describe.skipIf(isExcused).concurrent("a process that dies on RabbitMQ", { timeout: 240_000 }, () => {
  test.each(kinds)(
    "of one message of $group, three times, dies no more, and its neighbours are all handled",
    async ({ group, type, create }) => {
      await using bench = await openBench();
      await (await listen(bench.transport, undefined, { group, types: [type] }))[Symbol.asyncDispose]();
      const keys = Array.from({ length: 40 }, (_, n) => (n === 5 ? "deadly" : `order-${n}`));
      const sent = keys.map((key) => create(key));
      await publish(bench.transport, sent);

      await using doomed = doom(bench, "consumer", group, type);
      const innocent = keys.filter((key) => key !== "deadly");
      await vi.waitFor(() => expect(new Set(doomed.told)).toEqual(new Set(innocent)), {
        ...patience,
        timeout: 200_000,
      });
      expect(doomed.deaths).toBe(3);
      const [letter] = await bench.take(`${group}.dlq`, 1);
      expect(letter?.properties).toMatchObject({
        messageId: sent[5]?.id,
        headers: {
          "x-attempts": 3,
          "x-error-message": "3 deliveries had no outcome: it may end whoever handles it",
        },
      });
      expect(await bench.transport.backlog(group, [type])).toEqual({ waiting: 0, deadLetters: 0 });
    },
  );

  test("while it takes letters, and when it has taken some, leaves all of them to the next", async () => {
    await using bench = await openBench();
    const reject = () => Promise.reject(new RejectedError("no such customer"));
    await using consumer = await listen(bench.transport, reject);
    const keys = Array.from({ length: 12 }, (_, n) => `order-${n}`);
    await publish(
      bench.transport,
      keys.map((key) => order(key)),
    );
    await vi.waitFor(() => expect(consumer.failures).toHaveLength(keys.length), patience);
    await using doomed = doom(bench, "drain", "billing", "order.created");
    await vi.waitFor(() => expect(new Set(doomed.told)).toEqual(new Set(keys)), { ...patience, timeout: 200_000 });
    await vi.waitUntil(() => doomed.deaths === 4, patience);
    const backlog = () => bench.transport.backlog("billing", ["order.created"]);
    await vi.waitFor(async () => expect(await backlog()).toEqual({ waiting: 0, deadLetters: 0 }), patience);
  });
});

/** Starts the process, and starts it again whenever it has died. */
function doom({ url, namespace }: Bench, ...[role, group, type]: ["consumer" | "drain", string, string]) {
  const told: string[] = [];
  let deaths = 0;
  let isOver = false;
  let child: ChildProcess = start();
  return {
    told,
    get deaths() {
      return deaths;
    },
    async [Symbol.asyncDispose]() {
      isOver = true;
      child.kill("SIGTERM");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
  };

  function start(): ChildProcess {
    const started = fork(new URL("testing/doomed.ts", import.meta.url), [
      role,
      url,
      namespace,
      group,
      type,
      `${deaths}`,
    ]);
    started.on("message", (key: string) => told.push(key));
    started.once("exit", (_code, signal) => {
      if (signal === "SIGKILL") deaths += 1;
      if (signal === "SIGKILL" && !isOver) child = start();
    });
    return started;
  }
}
