import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test, vi } from "vitest";
import { brokers, clients, openShop, order, textsOf } from "./testing/shop.ts";

const sessionTimeoutMs = 6_000;
const patience = { timeout: 100_000, interval: 50 };

// With CI=true a missing broker is a failure.
describe.skipIf(brokers.length === 0 && process.env.CI !== "true").concurrent.each(clients)(
  "a process of a group on Kafka, by %s",
  (client) => {
    test("a message that kills whoever handles it is set aside after as many deaths as it has attempts", {
      timeout: 120_000,
    }, async () => {
      await using shop = await openShop({ client, partitions: 1 });
      await using doomed = doom(client, shop.namespace);
      const deadly = order("deadly");
      const [before, behind] = [neighbours(20), neighbours(20)];
      await shop.publish([...before, deadly, ...behind]);
      await vi.waitUntil(async () => (await shop.backlog()).waiting === 0, patience);
      expect(doomed.deaths).toBe(3);
      expect(doomed.begun.filter((id) => id === deadly.id)).toHaveLength(3);
      const [deadLetter] = await shop.stranger.read(`${shop.topic}.DLT`, 1);
      expect(textsOf(deadLetter?.headers)).toMatchObject({ id: deadly.id, attempts: "3" });
      const all = [...before, ...behind].map(({ id }) => id);
      expect(new Set(doomed.ended)).toEqual(new Set(all));
      // What had ended and was not committed yet comes again after the first death, and never after another.
      for (const id of all) expect(doomed.begun.filter((one) => one === id).length).toBeLessThanOrEqual(2);
    });
  },
);

function neighbours(count: number) {
  return Array.from({ length: count }, (_, n) => order(`order-${n}`));
}

/** Starts the process, and starts it again whenever it has died. */
function doom(client: (typeof clients)[number], namespace: string) {
  const [begun, ended]: [string[], string[]] = [[], []];
  let deaths = 0;
  let isOver = false;
  let child: ChildProcess = start();
  return {
    begun,
    ended,
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
    const options = JSON.stringify({ client, brokers, namespace, sessionTimeoutMs });
    const started = fork(new URL("testing/doomed.ts", import.meta.url), [options]);
    started.on("message", (said: { readonly begun?: string; readonly ended?: string }) => {
      if (said.begun) begun.push(said.begun);
      if (said.ended) ended.push(said.ended);
    });
    started.once("exit", (_code, signal) => {
      if (signal === "SIGKILL") deaths += 1;
      if (signal === "SIGKILL" && !isOver) child = start();
    });
    return started;
  }
}
