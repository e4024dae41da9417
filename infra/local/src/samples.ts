import type { Services } from "./services.ts";

const skus = Array.from({ length: 20 }, (_, index) => `cd-${index + 1}`);
const order = (customerId: string, express: boolean, ...items: readonly object[]) => ({
  customerId,
  currency: "USD",
  express,
  items,
});
const item = (sku: string, quantity: number, amountInCents: number) => ({ sku, quantity, amountInCents });

const samples = [
  order("c-1", false, item("cd-1", 2, 2_933)),
  order("c-2", true, item("cd-2", 1, 1_496), item("cd-3", 1, 1_496)),
  order("c-3", false, item("cd-4", 1, 0)),
  order("c-4", false, item("cd-5", 1, 1_413)), // The provider declines amounts that end in 13 cents.
  order("c-5", false, item("cd-sold-out", 1, 1_999)),
];

/** Puts stock on the shelves where none was counted yet, and places a few orders of every kind. */
export async function placeSamples(url: Services["url"], log: (sentence: string) => void): Promise<void> {
  for (const sku of skus) {
    const known = await fetch(`${url.inventory}/stock/${sku}`);
    if (known.status === 404) await send("PUT", `${url.inventory}/stock/${sku}`, { onHand: 1_000 });
  }
  for (const sample of samples) await send("POST", `${url.order}/orders`, sample);
  log(`Placed ${samples.length} sample orders: see ${url.console}`);
}

async function send(method: string, url: string, body: object): Promise<void> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, { method, headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${method} ${url} answered ${response.status}: ${await response.text()}`);
}
