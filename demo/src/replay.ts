import { callPatiently, getJson } from "./http.ts";
import type { Plan, PlannedOrder } from "./plan.ts";
import type { Surroundings } from "./surroundings.ts";

/** An order as the shop took it. */
export type PlacedOrder = {
  readonly planned: PlannedOrder;
  readonly orderId: string;
  /** The order ids of all answers under its Idempotency-Key, the first one's included. */
  readonly answers: readonly string[];
  /** How its cancellation was answered. */
  readonly cancellation?: 202 | 409;
};

export type Replay = {
  /** In the order of the plan. */
  readonly placed: readonly PlacedOrder[];
  /** How long each POST took, in milliseconds. */
  readonly postMs: readonly number[];
  /** When the first was sent, by `performance.now()`. */
  readonly startedAt: number;
};

export type ReplayOptions = {
  readonly signal: AbortSignal;
  readonly onPlaced: (orders: number) => void;
};

const inFlight = 16;

/** Counts the stock in, then sends every order of the plan with a bounded number of requests in flight. */
export async function replay(
  { services }: Surroundings,
  { orders, stock }: Plan,
  { signal, onPlaced }: ReplayOptions,
): Promise<Replay> {
  await inParallel([...stock], async ([sku, onHand]) => {
    const put = { method: "PUT", body: { onHand }, signal };
    await callPatiently(`${services.inventory}/stock/${sku}`, put).then(requireStatus(200));
  });
  const [placed, postMs]: [PlacedOrder[], number[]] = [[], []];
  const startedAt = performance.now();
  await inParallel(orders, async (planned, index) => {
    placed[index] = await place(`${services.order}/orders`, planned, postMs, signal);
    onPlaced(1);
  });
  return { placed, postMs, startedAt };
}

async function place(url: string, planned: PlannedOrder, postMs: number[], signal: AbortSignal): Promise<PlacedOrder> {
  const headers = { "idempotency-key": planned.idempotencyKey };
  const post = async () => {
    const sentAt = performance.now();
    const { orderId } = await getJson<{ readonly orderId: string }>(url, {
      method: "POST",
      headers,
      body: planned.body,
      signal,
    });
    postMs.push(performance.now() - sentAt);
    return orderId;
  };
  const answers = await (planned.repeat === "at the same time"
    ? Promise.all([post(), post()])
    : post().then((id) => [id]));
  const [orderId = ""] = answers;
  const cancellation =
    planned.ending === "cancelled on request" ? await cancel(`${url}/${orderId}`, signal) : undefined;
  if (planned.repeat === "afterwards") answers.push(await post());
  return { planned, orderId, answers, ...(cancellation && { cancellation }) };
}

/** 202: it will end cancelled. 409: it had been completed. */
async function cancel(order: string, signal: AbortSignal): Promise<202 | 409> {
  const body = { reason: "cancelled by the demo" };
  const response = await callPatiently(`${order}/cancellation`, { method: "POST", body, signal });
  if (response.status !== 409) await requireStatus(202)(response);
  return response.status === 409 ? 409 : 202;
}

function requireStatus(expected: number): (response: Response) => Promise<void> {
  return async (response) => {
    const text = await response.text();
    if (response.status === expected) return;
    throw new Error(`${response.url} answered ${response.status}, expected ${expected}: ${text.slice(0, 500)}`);
  };
}

async function inParallel<Value>(values: readonly Value[], work: (value: Value, index: number) => Promise<void>) {
  const entries = values.entries();
  let hasFailed = false;
  const runOne = async () => {
    for (const [index, value] of entries) {
      if (hasFailed) return;
      await work(value, index).catch((error: unknown) => {
        hasFailed = true;
        throw error;
      });
    }
  };
  await Promise.all(Array.from({ length: inFlight }, runOne));
}
