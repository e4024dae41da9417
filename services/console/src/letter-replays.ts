import { type Chosen, type Replayed, replayMany } from "@throughline/dead-letters/operation";

/** A replay that this console has begun, with how far it is. */
export type LetterReplay = {
  readonly number: string;
  /** As a person named the letters: `billing-17`, a kind, or `all`. */
  readonly choice: string;
  readonly by: string;
  readonly total: number;
  readonly done: Replayed;
  readonly isOver: boolean;
  /** Undefined where nobody has stopped it. */
  readonly stoppedBy: string | undefined;
  /** Between two letters. False where it is over, or somebody else was first. */
  stop(by: string): boolean;
};

export type LetterReplays = AsyncDisposable & {
  begin(choice: string, letters: readonly Chosen[], options: BeginOptions): LetterReplay;
  /** Of those begun since the console started, the last hundred. */
  of(number: string): LetterReplay | undefined;
  running(): readonly LetterReplay[];
};

export type BeginOptions = { readonly by: string; readonly reason?: string | undefined; readonly rate: number };

const mostKept = 100;

/** Replays go on whoever looks, until they are done or stopped; disposing stops all, each after the letter it is at. */
export function createLetterReplays(): LetterReplays {
  const all = new Map<
    string,
    LetterReplay & { readonly stopping: AbortController; readonly ended: Promise<unknown> }
  >();
  let last = 0;
  return {
    begin(choice, letters, { by, reason, rate }) {
      const stopping = new AbortController();
      let done: Replayed = { sent: 0, notOpen: 0, failed: [], left: letters.length };
      let isOver = false;
      let stoppedBy: string | undefined;
      const onProgress = (now: Replayed) => {
        done = now;
      };
      const ended = replayMany(letters, { by, reason, rate, signal: stopping.signal, onProgress }).finally(() => {
        isOver = true;
      });
      last += 1;
      const replay = {
        ...{ number: String(last), choice, by, total: letters.length, stopping, ended },
        get done() {
          return done;
        },
        get isOver() {
          return isOver;
        },
        get stoppedBy() {
          return stoppedBy;
        },
        stop(who: string) {
          if (isOver || stoppedBy !== undefined) return false;
          stoppedBy = who;
          stopping.abort();
          return true;
        },
      };
      all.set(replay.number, replay);
      all.delete(String(last - mostKept));
      return replay;
    },
    of: (number) => all.get(number),
    running: () => [...all.values()].filter(({ isOver }) => !isOver),
    async [Symbol.asyncDispose]() {
      for (const { stopping } of all.values()) stopping.abort();
      await Promise.all([...all.values()].map(({ ended }) => ended));
    },
  };
}
