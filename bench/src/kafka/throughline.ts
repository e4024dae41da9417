/** The relay with every default. */
import { kafkaTransport } from "@throughline/transport/kafka";
import type { Measure } from "../harness/bench.ts";
import { measureRelay } from "../harness/measure-relay.ts";
import { createTopic, messages, readIds } from "./topic.ts";

export const measure: Measure = async (place) => {
  const { kafka = "", namespace } = place;
  await createTopic(place);
  const transport = kafkaTransport({ brokers: [kafka], namespace });
  return await measureRelay(place, messages, transport, () => readIds(place));
};
