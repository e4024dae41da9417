import { expect } from "vitest";
import { PublishError } from "../publish-error.ts";
import { toError } from "../reason.ts";
import { idsOf, messageOfBytes, order } from "./messages.ts";
import type { TransportCase } from "./suite.ts";

/** What the broker does not take, and what it takes all the same. */
export const refusalCases: readonly TransportCase[] = [
  {
    name: "an envelope that is too large is refused by its id, and what is not named arrives",
    async run({ bench, eventually }) {
      const { listen, publish, tooLargeBytes } = await bench();
      const { handled } = await listen();
      const before = [order("order-1"), order("order-2")];
      const tooLarge = messageOfBytes("order-1", tooLargeBytes);
      const after = [order("order-1", 3), order("order-3")];
      const { failures } = await failureOf(publish([...before, tooLarge, ...after]));
      expect(failures.filter(({ refused }) => refused).map(({ id }) => id)).toEqual([tooLarge.id]);
      const missing = new Set(failures.map(({ id }) => id));
      const arriving = [...before, ...after].filter(({ id }) => !missing.has(id));
      expect(arriving).toEqual(expect.arrayContaining(before));
      await eventually(() => expect(idsOf(handled)).toEqual(idsOf(arriving)));
    },
    exceptions: [{ key: "limit" }],
  },
  {
    name: "a message that no group asked for is refused, and its neighbours arrive",
    async run({ bench, eventually }) {
      const { listen, publish } = await bench();
      const { handled } = await listen();
      const [unasked, asked] = [order("order-1", 1, "order.cancelled"), order("order-2")];
      const { failures } = await failureOf(publish([unasked, asked]));
      expect(failures).toMatchObject([{ id: unasked.id, refused: true }]);
      await eventually(() => expect(handled).toEqual([asked]));
    },
    exceptions: [
      {
        key: "unroutable",
        instead: {
          name: "a message that no group asked for is taken, and its neighbours arrive",
          async run({ bench, eventually }) {
            const { listen, publish } = await bench();
            const { handled } = await listen();
            const [unasked, asked] = [order("order-1", 1, "order.cancelled"), order("order-2")];
            await publish([unasked, asked]);
            await eventually(() => expect(handled).toEqual([asked]));
          },
        },
      },
    ],
  },
];

/** How a publish failed that had to. */
async function failureOf(publishing: Promise<void>): Promise<PublishError> {
  const error = await publishing.then(() => "The publish resolved", toError);
  if (error instanceof PublishError) return error;
  throw new Error("A PublishError was expected", { cause: error });
}
