import { AsyncLocalStorage } from "node:async_hooks";
import { createAgenda, type Entry } from "./agenda.ts";
import { createRandom, type Random } from "./random.ts";

/** A process of the simulated fleet. What runs for it is whatever runs in its async context. */
export type Actor = {
  readonly name: string;
  /** By how much its wall clock is wrong, in milliseconds. */
  readonly skewMs: number;
  /** A dead one does nothing more: whatever it awaits never comes. */
  isAlive: boolean;
  /** Stopped like by SIGSTOP until then, while the world goes on. */
  stoppedUntil: number;
};

/** Owns time. All that happens, happens in an entry of its agenda, one after another: same seed, same run. */
export type World = {
  readonly seed: number;
  readonly random: Random;
  /** Milliseconds since the run began. */
  readonly now: number;
  readonly steps: number;
  /** A number that two runs share only if they went the same way. */
  readonly fingerprint: number;
  /** Does something later, on behalf of an actor, or of nobody, who never dies. */
  later(delayMs: number, actor: Actor | undefined, what: What, act: () => void): Entry;
  /**
   * A request of the current actor to something outside of it. It arrives some time later, even if the actor has died
   * in the meantime; `serve` may answer at any time, and the answer takes its time as well.
   */
  request<Answer>(what: What, serve: (reply: Reply<Answer>) => void): Promise<Answer>;
  /** Lets everything happen until `isOver`, or nothing is left. Rejects what an actor let fall. */
  run(isOver: () => boolean): Promise<void>;
  /** One line of the trace, where it is wanted. */
  note(what: What): void;
};

export type Reply<Answer> = { resolve(answer: Answer): void; reject(error: Error): void };
/** A text for the trace, made only where it is read. */
export type What = () => string;

export const actors = new AsyncLocalStorage<Actor>();

export function createWorld(seed: number, trace?: (line: string) => void): World {
  const random = createRandom(seed);
  const agenda = createAgenda();
  let now = 0;
  let steps = 0;
  let fingerprint = 0;

  const world: World = {
    seed,
    random,
    get now() {
      return now;
    },
    get steps() {
      return steps;
    },
    get fingerprint() {
      return fingerprint;
    },
    later(delayMs, actor, what, act) {
      // Where two things happen at the same time, either may come first.
      const entry: Entry = { at: now + Math.max(0, delayMs), order: random.next(), act: happen };
      function happen() {
        if (actor?.isAlive === false) return;
        if (actor !== undefined && actor.stoppedUntil > now) {
          entry.at = actor.stoppedUntil;
          agenda.put(entry);
          return;
        }
        if (trace !== undefined) world.note(() => `${(actor?.name ?? "").padEnd(10)} ${what()}`);
        act();
      }
      agenda.put(entry);
      return entry;
    },
    request(what, serve) {
      const actor = actors.getStore();
      const { promise, resolve, reject } = Promise.withResolvers<never>();
      if (actor?.isAlive === false) return promise;
      const answer = (settle: () => void) => world.later(latencyMs(random), actor, () => `has ${what()}`, settle);
      world.later(
        latencyMs(random),
        undefined,
        () => `${actor?.name ?? "–"} asks for ${what()}`,
        () =>
          serve({
            resolve: (value) => answer(() => resolve(value as never)),
            reject: (error) => answer(() => reject(error)),
          }),
      );
      return promise;
    },
    async run(isOver) {
      await allSettled();
      while (!isOver()) {
        const entry = agenda.take();
        if (entry === undefined) return;
        now = entry.at;
        steps += 1;
        fingerprint = (Math.imul(fingerprint, 31) + Math.floor(now * 1_000)) | 0;
        entry.act?.();
        await allSettled();
      }
    },
    note(what) {
      trace?.(`${now.toFixed(3).padStart(10)}  ${what()}`);
    },
  };
  return world;
}

/** Resolves when no promise can go on any more by itself: ticks run after the last microtask. */
function allSettled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

/** Mostly at once; now and then long enough for others to do a lot. */
function latencyMs(random: Random): number {
  return random.chance(0.02) ? random.between(1, 30) : random.between(0.05, 0.5);
}
