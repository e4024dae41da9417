import { setTimeout as pause } from "node:timers/promises";
import { type Delivery, deliveriesOf, isHandled, readHandled, readMessages } from "./audit/messages.ts";
import type { Window } from "./audit/window.ts";
import { type Databases, rowsOf } from "./databases.ts";
import type { Roads } from "./surroundings.ts";
import type { Taps } from "./taps.ts";

export type Settled = {
  /** What still waited, and where, when nothing had moved for too long; empty where all came to its end. */
  readonly waiting: readonly string[];
  /** When the last effect was seen, by `performance.now()`. */
  readonly endedAt: number;
};

export type SettleOptions = {
  readonly databases: Databases;
  readonly window: Window;
  readonly orderIds: ReadonlySet<string>;
  readonly taps: Pick<Taps, "listen" | "sightings">;
  readonly roads: Roads;
  readonly signal: AbortSignal;
  /** Told how many orders have ended. */
  readonly onEnded: (orders: number) => void;
  /** How long nothing may move, in milliseconds, before it is given up. Default: 120,000. */
  readonly patienceMs?: number;
};

type Look = { readonly waiting: readonly string[]; readonly progress: number };

/**
 * Waits until every order has ended, every message that was committed has been handled by everyone it is bound to, and
 * the taps have seen what was published. Gives up, and says what still waits, when nothing moves any more.
 */
export async function settle(options: SettleOptions): Promise<Settled> {
  const ended = await until(150, options, () => lookAtOrders(options));
  if (ended.length > 0) return { waiting: [...ended, ...(await lookAtDeliveries(options)).waiting], endedAt: now() };
  const unhandled = await until(150, options, () => lookAtDeliveries(options));
  const endedAt = now();
  if (unhandled.length > 0) return { waiting: unhandled, endedAt };
  await options.taps.listen();
  return { waiting: await until(150, options, () => lookAtTaps(options)), endedAt };
}

/** Looks again and again, for at most half of the time, until nothing waits or nothing moves. Returns what waits. */
async function until(
  pauseMs: number,
  { signal, patienceMs = 120_000 }: SettleOptions,
  look: () => Promise<Look>,
): Promise<readonly string[]> {
  let [movedAt, progress] = [now(), -1];
  for (;;) {
    const startedAt = now();
    const seen = await look();
    if (seen.waiting.length === 0) return [];
    if (seen.progress !== progress) [movedAt, progress] = [now(), seen.progress];
    if (now() - movedAt > patienceMs) return seen.waiting;
    await pause(Math.max(pauseMs, now() - startedAt), undefined, { signal });
  }
}

async function lookAtOrders({ databases, window, orderIds, onEnded }: SettleOptions): Promise<Look> {
  const open = await rowsOf<{ id: string }>(
    databases.order,
    `select order_id as id from orders where status = 'placed' and order_id >= $1 and starts_with(customer_id, $2)`,
    [window.firstId, `${window.runId}-`],
  );
  onEnded(orderIds.size - open.length);
  return { waiting: open.map(({ id }) => `order ${id} is still placed`), progress: open.length };
}

/** A handler commits its effect together with what it tells, so nothing can follow when nothing is new and unhandled. */
async function lookAtDeliveries({ databases, window, orderIds }: SettleOptions): Promise<Look> {
  const read = async () => (await readMessages(databases, window)).filter(({ key }) => orderIds.has(key));
  const before = await read();
  const handled = await readHandled(databases, window);
  const open = deliveriesOf(before).filter((delivery) => !isHandled(handled, delivery));
  const fresh = (await read()).length - before.length;
  const waiting = [...open.map(toSentence), ...(fresh > 0 ? [`${fresh} messages have just been committed`] : [])];
  return { waiting, progress: before.length - open.length };
}

/** What is committed and not published yet has no effect on anyone who waits; and the taps may be a moment behind. */
async function lookAtTaps({ databases, window, orderIds, taps, roads }: SettleOptions): Promise<Look> {
  const messages = (await readMessages(databases, window)).filter(({ key }) => orderIds.has(key));
  const seen = new Set(taps.sightings.map(({ road, id }) => `${road} ${id}`));
  const waiting = messages.flatMap(({ service, type, id }) =>
    roads
      .filter((part) => part.service === service && part.types.includes(type) && !seen.has(`${part.road} ${id}`))
      .map(({ road }) => `${type} ${id} was not seen on ${road} yet`),
  );
  return { waiting, progress: seen.size };
}

function toSentence({ message: { type, id, service }, group }: Delivery): string {
  return `${type} ${id}, committed by ${service}, has not been handled by ${group}`;
}

const now = () => performance.now();
