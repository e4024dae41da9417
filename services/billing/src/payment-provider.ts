import { storable } from "@throughline/log";
import { callHttp } from "@throughline/service";
import { z } from "zod";
import type { Amount } from "./payment.ts";
import type { ChargeOutcome } from "./use-cases.ts";

/**
 * The third party that charges cards. Asking again with the same key returns the first answer and charges once. What it
 * answers fits the messages that tell of it, because money that has moved must be recorded.
 */
export type PaymentProvider = {
  /** Throws where the outcome is unknown or the provider is out of order: try again with the same key. */
  charge(orderId: string, amount: Amount, idempotencyKey: string): Promise<ChargeOutcome>;
  /** Returns the reference of the refund; throws as `charge` does. */
  refund(orderId: string, amount: Amount, idempotencyKey: string): Promise<string>;
};

const reference = z
  .string()
  .min(1)
  .max(100)
  .refine((text) => toStorable(text) === text);
const said = z.string().catch("");
const refusal = z.object({ detail: said, title: said });

export function connectPaymentProvider(url: string, { timeoutMs }: { readonly timeoutMs: number }): PaymentProvider {
  async function post(path: string, orderId: string, { amountInCents, currency }: Amount, idempotencyKey: string) {
    return await callHttp(url.replace(/\/$/, "") + path, {
      method: "POST",
      headers: { "idempotency-key": idempotencyKey },
      body: { orderId, amountInCents, currency },
      timeoutMs,
    });
  }
  return {
    async charge(orderId, amount, idempotencyKey) {
      const response = await post("/charges", orderId, amount, idempotencyKey);
      if (response.status === 201) {
        return { result: "charged", reference: await readReference(response, idempotencyKey) };
      }
      if (response.status === 402) {
        const { detail, title } = refusal.parse(await response.json());
        return { result: "declined", reason: toStorable((detail || title || "declined").slice(0, 500)) };
      }
      throw new Error(`The payment provider answered ${response.status} to a charge of order ${orderId}`);
    },
    async refund(orderId, amount, idempotencyKey) {
      const response = await post("/refunds", orderId, amount, idempotencyKey);
      if (response.status === 201) return await readReference(response, idempotencyKey);
      throw new Error(`The payment provider answered ${response.status} to a refund of order ${orderId}`);
    },
  };
}

/** The provider finds what it did by the key as well: that stands in where no message could carry the reference. */
async function readReference(response: Response, idempotencyKey: string): Promise<string> {
  return z.object({ reference: reference.catch(idempotencyKey) }).parse(await response.json()).reference;
}

function toStorable(text: string): string {
  return storable(text).toWellFormed();
}
