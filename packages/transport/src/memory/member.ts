import { AsyncResource } from "node:async_hooks";
import type { Pause } from "../key-queue.ts";
import { attemptBytes } from "../process.ts";
import { reasonOf } from "../reason.ts";
import { type CompleteSubscription, tellFailure, withDefaults } from "../subscription.ts";
import type { Subscription } from "../transport.ts";
import type { Member, MemoryGroup, MemoryMessage } from "./broker.ts";
import type { MemoryLine } from "./line.ts";

/** Returns how to leave: the group keeps what waits, and the promise resolves when the last handler has ended. */
export function joinGroup(group: MemoryGroup, incomplete: Subscription, line: MemoryLine): () => Promise<void> {
  const subscription = withDefaults(incomplete);
  const handling = new Set<Promise<unknown>>();
  let member: Member | undefined;
  for (const type of subscription.types) group.types.add(type);
  const unwatch = line.watch(() => (line.isUp ? enter() : lose()));
  // Handlers run in the context of who subscribed; on no broker do they run in that of who published.
  const deliver = AsyncResource.bind((message: MemoryMessage, attempt: number, isLost: () => boolean) =>
    deliverMessage(group, subscription, { message, attempt, isLost }),
  );
  enter();
  return async () => {
    unwatch();
    if (member !== undefined) group.members.delete(member);
    await Promise.all(handling);
  };

  function enter(): void {
    if (member !== undefined) return;
    const entering: Member = {
      concurrency: subscription.concurrency,
      inFlight: new Set(),
      deliver(message, attempt) {
        line.count(message.body.length);
        const delivery = deliver(message, attempt, () => member !== entering);
        handling.add(delivery);
        return delivery.finally(() => handling.delete(delivery));
      },
    };
    member = entering;
    group.members.add(entering);
    group.queue.advance();
  }

  function lose(): void {
    if (member === undefined) return;
    const { inFlight } = member;
    group.members.delete(member);
    member = undefined;
    for (const takeBack of inFlight) takeBack();
  }
}

type Delivery = {
  readonly message: MemoryMessage;
  readonly attempt: number;
  /** The broker has taken the message back, and hears no more of this attempt. */
  readonly isLost: () => boolean;
};

async function deliverMessage(
  group: MemoryGroup,
  subscription: CompleteSubscription,
  { message, attempt, isLost }: Delivery,
): Promise<Pause | undefined> {
  const { type, key, body, headers } = message;
  const { name } = group;
  const arrival = { system: "memory", destination: name, traceparent: headers.traceparent };
  const { verdict, envelope } = await attemptBytes(subscription, body, attempt, arrival);
  if (verdict.kind === "done") return undefined;
  const { kind, error } = verdict;
  const deadLettered = kind === "dead" && !isLost();
  if (deadLettered) {
    const circumstances = { group: subscription.group, origin: { name, key }, attempts: attempt, failedAt: new Date() };
    group.shelf.add({ type, letter: { ...circumstances, body, headers, error: reasonOf(error) } });
  }
  tellFailure(subscription, { error, deadLettered, ...(envelope === undefined ? {} : { envelope }) });
  return kind === "retry" ? { delayMs: verdict.delayMs } : undefined;
}
