import { toError } from "../reason.ts";
import type { DeadLetter } from "../transport.ts";
import type { MemoryLine } from "./line.ts";
import type { Shelf, ShelvedLetter } from "./shelf.ts";

export type Drain = {
  readonly shelf: Shelf;
  readonly types: readonly string[];
  readonly line: MemoryLine;
  readonly take: (letter: DeadLetter) => Promise<void>;
  readonly onError: (error: Error) => void;
};

/** The pause before a drain goes on after a letter that could not be taken. */
const pauseMs = 100;

/** Hands over one letter after the other, for ever. Disposing waits for the one in hand. */
export function startDrain({ shelf, types, line, take, onError }: Drain): AsyncDisposable {
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  let inHand: Promise<void> | undefined;
  const unwatch = [shelf.watch(advance), line.watch(advance)];
  advance();
  return {
    async [Symbol.asyncDispose]() {
      isStopped = true;
      clearTimeout(timer);
      for (const stop of unwatch) stop();
      await inHand;
    },
  };

  function advance(): void {
    if (isStopped || inHand !== undefined || timer !== undefined || !line.isUp) return;
    const held = shelf.hold(types);
    if (held === undefined) return;
    inHand = handOver(held).then(() => {
      inHand = undefined;
      advance();
    });
  }

  async function handOver(held: ShelvedLetter): Promise<void> {
    const { promise: lost, reject } = Promise.withResolvers<never>();
    const unwatchLine = line.watch(
      () => line.isUp || reject(new Error("The broker went away while a letter was taken")),
    );
    try {
      await Promise.race([take(held.letter), lost]);
      shelf.remove(held);
    } catch (thrown) {
      timer = setTimeout(goOn, pauseMs);
      shelf.putBack(held);
      onError(toError(thrown));
    } finally {
      unwatchLine();
    }
  }

  function goOn(): void {
    timer = undefined;
    advance();
  }
}
