import { setTimeout as pause } from "node:timers/promises";
import { toError } from "../reason.ts";

/** What SQS answers about one entry of a batch that it did not take. */
export type BatchFailure = {
  readonly Id?: string | undefined;
  readonly Code?: string | undefined;
  readonly Message?: string | undefined;
  readonly SenderFault?: boolean | undefined;
};

/** Sends up to ten items, each with its index in the batch as its `Id`. */
type SendBatch<Item> = (entries: readonly (Item & { readonly Id: string })[]) => Promise<{
  readonly Failed?: readonly BatchFailure[] | undefined;
}>;

/** Told of each call, and of the first thing in it that failed. */
type OnCall<Item> = (sent: readonly Item[], since: number, error: Error | undefined) => void;

type Waiting<Item> = {
  readonly item: Item;
  readonly sent: PromiseWithResolvers<void>;
  readonly since: number;
  tries: number;
};

const mostEntries = 10;
const mostTries = 5;
const firstRetryMs = 100;
const longestMs = 10_000;

/**
 * Gathers items for `gatherMs`, so that ten of them cost one call. The function returned resolves once SQS has taken the
 * item; what SQS did not take is sent again, five times or for ten seconds, unless SQS says that it never will.
 */
export function createBatcher<Item extends object>(
  gatherMs: number,
  send: SendBatch<Item>,
  onCall?: OnCall<Item>,
): (item: Item) => Promise<void> {
  let gathered: Waiting<Item>[] = [];
  let timer: NodeJS.Timeout | undefined;

  return (item) => {
    const waiting = { item, sent: Promise.withResolvers<void>(), since: performance.now(), tries: 0 };
    gather(waiting);
    return waiting.sent.promise;
  };

  function gather(waiting: Waiting<Item>): void {
    gathered.push(waiting);
    if (gathered.length === mostEntries) flush();
    else timer ??= setTimeout(flush, gatherMs);
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    const batch = gathered;
    gathered = [];
    void sendAll(batch);
  }

  async function sendAll(batch: readonly Waiting<Item>[]): Promise<void> {
    const since = Date.now();
    const failures = await failuresOf(batch);
    for (const [index, waiting] of batch.entries()) {
      const failure = failures.get(index);
      waiting.tries += 1;
      if (failure === undefined) waiting.sent.resolve();
      else if (failure.final || isHopeless(waiting)) waiting.sent.reject(failure.error);
      else void gatherLater(waiting);
    }
    const [failed] = failures.values();
    onCall?.(
      batch.map(({ item }) => item),
      since,
      failed?.error,
    );
  }

  function isHopeless({ tries, since }: Waiting<Item>): boolean {
    return tries === mostTries || performance.now() - since > longestMs;
  }

  async function gatherLater(waiting: Waiting<Item>): Promise<void> {
    await pause(firstRetryMs * 2 ** (waiting.tries - 1));
    gather(waiting);
  }

  async function failuresOf(batch: readonly Waiting<Item>[]): Promise<Map<number, { error: Error; final: boolean }>> {
    try {
      const { Failed = [] } = await send(batch.map(({ item }, index) => ({ ...item, Id: String(index) })));
      return new Map(
        Failed.map(({ Id, Code, Message, SenderFault }) => [
          Number(Id),
          { error: new Error(`SQS answered ${Code}: ${Message}`), final: SenderFault === true },
        ]),
      );
    } catch (thrown) {
      const failure = { error: toError(thrown), final: false };
      return new Map(batch.map((_, index) => [index, failure]));
    }
  }
}
