import { callHttp } from "@throughline/service";
import { z } from "zod";
import type { Amount } from "./payment.ts";
import type { ChargeOutcome } from "./use-cases.ts";

/** The third party that charges cards. Asking again with the same key returns the first answer and charges once. */
export type PaymentProvider = {
  /** Throws where the outcome is unknown or the provider is out of order: try again with the same key. */
  charge(orderId: string, amount: Amount, idempotencyKey: string): Promise<ChargeOutcome>;
  /** Returns the reference of the refund; throws as `charge` does. */
  refund(orderId: string, amount: Amount, idempotencyKey: string): Promise<string>;
};

const receipt = z.object({ reference: z.string() });
const refusal = z.object({ detail: z.string().optional(), title: z.string() });

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
        return { result: "charged", reference: receipt.parse(await response.json()).reference };
      }
      if (response.status === 402) {
        const { detail, title } = refusal.parse(await response.json());
        return { result: "declined", reason: detail ?? title };
      }
      throw new Error(`The payment provider answered ${response.status} to a charge of order ${orderId}`);
    },
    async refund(orderId, amount, idempotencyKey) {
      const response = await post("/refunds", orderId, amount, idempotencyKey);
      if (response.status === 201) return receipt.parse(await response.json()).reference;
      throw new Error(`The payment provider answered ${response.status} to a refund of order ${orderId}`);
    },
  };
}
