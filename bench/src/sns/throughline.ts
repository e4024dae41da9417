/** The relay with every default, on the emulator; a subscriber of ours reads what has arrived in the queue. */

import type { Transport } from "@throughline/transport";
import { snsSqsTransport } from "@throughline/transport/sns-sqs";
import type { Measure } from "../harness/bench.ts";
import { measureRelay } from "../harness/measure-relay.ts";
import { startCountingProxy } from "./counting-proxy.ts";

const messages = 5_000;
const group = "billing";
const types = ["order.created"];

export const measure: Measure = async (place) => {
  await using proxy = await startCountingProxy(place.snsSqs);
  const credentials = { accessKeyId: "bench", secretAccessKey: "bench" };
  const account = { region: "us-east-1", credentials, namespace: place.namespace };
  const direct = snsSqsTransport({ ...account, endpoint: place.snsSqs });
  const counted = snsSqsTransport({ ...account, endpoint: proxy.url });

  await subscribeOnce(direct);
  await using subscriber = await direct.connectSubscriber();
  const ids: string[] = [];
  const all = Promise.withResolvers<void>();
  const round = await measureRelay(place, messages, counted, async () => {
    const handler = async ({ id }: { readonly id: string }) => {
      ids.push(id);
      if (ids.length === messages) all.resolve();
    };
    await subscriber.subscribe({ group, types, handler, concurrency: 100 });
    await all.promise;
    return ids;
  });
  const { throughput = 0 } = round.figures;
  return { ...round, figures: { "per call": messages / proxy.countOf("PublishBatch"), throughput } };
};

/** SNS keeps nothing for those who come later: the queue must be there before. */
async function subscribeOnce(transport: Transport): Promise<void> {
  await using subscriber = await transport.connectSubscriber();
  const handler = () => Promise.reject(new Error("Nothing was sent yet"));
  await subscriber.subscribe({ group, types, handler });
}
