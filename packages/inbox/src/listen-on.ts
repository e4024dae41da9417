import { type Backlog, openPersistently, type Subscription, type Transport } from "@throughline/transport";

/** What waits on one road; where its broker does not answer, or did not yet when the consumer began to listen, why. */
export type RoadBacklog = Backlog & { readonly road: string; readonly reason?: string };

export type ListenedRoad = AsyncDisposable & { backlog(): Promise<RoadBacklog> };

/** Listens to a road, as soon as its broker is there. */
export async function listenOn(
  transport: Transport,
  subscription: Subscription,
  onAway: (error: Error) => void,
): Promise<ListenedRoad> {
  const { name: road } = transport;
  const { group, types } = subscription;
  const listening = await openPersistently(
    () => subscribe(transport, subscription),
    (cause) => onAway(new Error(`Consumer ${group} waits for ${road}`, { cause })),
  );
  return {
    async backlog() {
      const { waitsFor: reason } = listening;
      try {
        return { road, ...(await transport.backlog(group, types)), ...(reason !== undefined && { reason }) };
      } catch (error) {
        return { road, waiting: 0, deadLetters: 0, reason: error instanceof Error ? error.message : String(error) };
      }
    },
    [Symbol.asyncDispose]: () => listening[Symbol.asyncDispose](),
  };
}

async function subscribe(transport: Transport, subscription: Subscription): Promise<AsyncDisposable> {
  const subscriber = await transport.connectSubscriber();
  try {
    await subscriber.subscribe(subscription);
    return subscriber;
  } catch (error) {
    await subscriber[Symbol.asyncDispose]();
    throw error;
  }
}
