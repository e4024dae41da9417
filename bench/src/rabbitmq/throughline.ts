/** The relay with every default. */
import type { Measure } from "../harness/bench.ts";
import { measureRelay } from "../harness/measure-relay.ts";
import { declareQueue, messages, readIds, transportOf } from "./queue.ts";

export const measure: Measure = async (place) => {
  await declareQueue(place);
  return await measureRelay(place, messages, transportOf(place), () => readIds(place));
};
