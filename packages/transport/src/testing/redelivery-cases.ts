import { RejectedError, runCausedBy } from "@throughline/envelope";
import { expect } from "vitest";
import type { DeadLetter } from "../transport.ts";
import type { Workshop } from "./bench.ts";
import { textOf } from "./found-letters.ts";
import { order } from "./messages.ts";
import type { TransportCase } from "./suite.ts";

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/** Messages that come back from the dead letters. */
export const redeliveryCases: readonly TransportCase[] = [
  {
    name: "a redelivered letter comes back to its group and no other, with its id and all its attempts",
    run: (workshop) => redeliverTo(workshop, { groupOnly: true }),
    exceptions: [
      {
        key: "redeliveryToGroup",
        instead: {
          name: "a redelivered letter comes back, with its id and all its attempts, to every group",
          run: (workshop) => redeliverTo(workshop, { groupOnly: false }),
        },
      },
    ],
  },
  {
    name: "what is no envelope is drained and redelivered to the byte",
    async run({ bench, eventually }) {
      const here = await bench();
      const { failures } = await here.listen();
      await here.probe.publishRaw("order.created", Buffer.from('{"hello":"world"}'));
      const letters: DeadLetter[] = [];
      await here.drain(async (letter) => {
        letters.push(letter);
        if (letters.length === 1) await here.transport.deadLetters.redeliver(letter);
      });
      await eventually(() => expect(letters).toHaveLength(2));
      await eventually(() => expect(failures.map(({ deadLettered }) => deadLettered)).toEqual([true, true]));
      expect(letters.map(textOf)).toEqual(['{"hello":"world"}', '{"hello":"world"}']);
      expect(letters[1]?.headers).toEqual(letters[0]?.headers);
    },
  },
];

async function redeliverTo({ bench, eventually }: Workshop, { groupOnly }: { readonly groupOnly: boolean }) {
  const { listen, publish, drain, drained, transport } = await bench();
  let calls = 0;
  const failTwice = async () => {
    calls += 1;
    if (calls === 1) throw new RejectedError("no such customer");
    if (calls === 2) throw new Error("not yet");
  };
  const billing = await listen(failTwice, { attempts: 2 });
  const inventory = await listen(undefined, { group: "inventory" });
  const sent = runCausedBy({ correlationId: "any", traceparent }, () => order("order-1"));
  await publish([sent]);
  await drain(async (letter) => transport.deadLetters.redeliver(letter));
  await eventually(() => expect(billing.handled).toEqual([sent]));
  await drained();
  await drained("inventory");
  expect(billing.begun).toEqual([sent, sent, sent]);
  expect(billing.failures.map(({ deadLettered }) => deadLettered).toSorted()).toEqual([false, true]);
  expect(inventory.handled).toEqual(groupOnly ? [sent] : [sent, sent]);
}
