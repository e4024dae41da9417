import { callHttp } from "@throughline/service";

/** Orders that are being placed, or were. */
export type Rush = {
  readonly wanted: number;
  readonly begun: number;
  readonly placed: number;
  readonly failed: number;
  /** Why the last one failed. */
  readonly reason?: string;
  /** The last one that was placed. */
  readonly orderId?: string;
};

/** Orders at the same time. */
const sideBySide = 8;

/** Places orders through the order service's door, as customers do, in the name of whoever holds the token. */
export function createRush(orderUrl: string) {
  let rush: Rush | undefined;

  async function customer(token: string | undefined): Promise<void> {
    while (rush && rush.begun < rush.wanted) {
      rush = { ...rush, begun: rush.begun + 1 };
      const outcome = await placeOrder(orderUrl, token);
      const isPlaced = "orderId" in outcome;
      rush = { ...rush, ...outcome, placed: rush.placed + Number(isPlaced), failed: rush.failed + Number(!isPlaced) };
    }
  }
  return {
    latest: () => rush,
    /** Begins, unless one goes on; does not wait until it is done. */
    begin(wanted: number, token?: string): void {
      if (rush && rush.placed + rush.failed < rush.wanted) return;
      rush = { wanted, begun: 0, placed: 0, failed: 0 };
      for (let nth = 0; nth < Math.min(sideBySide, wanted); nth += 1) void customer(token);
    },
  };
}

async function placeOrder(
  url: string,
  token?: string,
): Promise<{ readonly orderId: string } | { readonly reason: string }> {
  const item = { sku: `cd-${1 + Math.floor(Math.random() * 20)}`, quantity: 1, amountInCents: 1_496 };
  const body = { customerId: `c-${1 + Math.floor(Math.random() * 500)}`, currency: "USD", items: [item] };
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  try {
    const answer = await callHttp(`${url}/orders`, { method: "POST", headers, body });
    const told = (await answer.json()) as { readonly orderId?: string; readonly detail?: string };
    return answer.ok && told.orderId ? { orderId: told.orderId } : { reason: told.detail ?? `status ${answer.status}` };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}
