import { orderCreated } from "@throughline/contracts";
import { roadSettings, roadsOf } from "@throughline/contracts/topology";
import { createEnvelope, newId } from "@throughline/envelope";
import { type Config, callHttp } from "@throughline/service";
import { openRoads } from "@throughline/transport";
import { z } from "zod";

const behaviourSchema = z.object({ latencyMs: z.number(), dropAnswerRate: z.number() });

/** How the payment provider behaves; it knows nothing of us, and does as it is told. */
export type Behaviour = z.infer<typeof behaviourSchema>;

/** Every behaviour that can be tried, by its name in a form. */
export const behaviours: Readonly<Record<string, Behaviour>> = {
  well: { latencyMs: 0, dropAnswerRate: 0 },
  slow: { latencyMs: 2_000, dropAnswerRate: 0 },
  drops: { latencyMs: 0, dropAnswerRate: 0.5 },
};

export async function readBehaviour({ paymentProviderUrl }: Config): Promise<Behaviour> {
  const answer = await callHttp(`${paymentProviderUrl}/behaviour`, { timeoutMs: 2_000 });
  return behaviourSchema.parse(await answer.json());
}

export async function tellProvider({ paymentProviderUrl }: Config, behaviour: Behaviour): Promise<void> {
  const answer = await callHttp(`${paymentProviderUrl}/behaviour`, { method: "PUT", body: behaviour });
  if (!answer.ok) throw new Error(`The payment provider answered ${answer.status} to PUT /behaviour`);
}

/**
 * Tells all who hear of orders by billing's road of one that lacks its total, as a sender with a bug would. Resolves with
 * the order's id once the broker has it.
 */
export async function publishPoison(config: Config): Promise<string> {
  const [transport] = await openRoads(roadsOf("billing").consumeFrom, roadSettings(config));
  if (transport === undefined) throw new Error("billing hears of orders by no road");
  await using publisher = await transport.connectPublisher();
  const orderId = newId();
  const data = { orderId, customerId: "c-1", currency: "USD", express: false, items: [{ sku: "cd-1", quantity: 1 }] };
  const message = { type: orderCreated.type, version: "1", key: orderId, data };
  await publisher.publish([createEnvelope(message, { source: "order-service" })]);
  return orderId;
}
