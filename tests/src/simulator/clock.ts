/**
 * Puts the clocks, timers and dice of this thread into the hands of a world, for whatever runs in the context of one of
 * its actors. To be imported before anything that keeps a reference to them.
 */
import type { Entry } from "./agenda.ts";
import { actors, type World } from "./world.ts";

/** A day on which nothing changes: no leap second, no daylight saving. */
const epochMs = Date.UTC(2025, 5, 11, 12);
let world: World | undefined;

export function enterWorld(entered: World): void {
  world = entered;
}

/** The clock of the database and the brokers, which no process sets. */
export function wallMs(): number {
  return epochMs + Math.floor(world?.now ?? 0);
}

type Timer = { readonly entry: Entry };

const RealDate = Date;
class SimulatedDate extends RealDate {
  constructor(...given: [] | [number | string | Date]) {
    super(given.length === 0 ? SimulatedDate.now() : given[0]);
  }

  static override now(): number {
    return wallMs() + (actors.getStore()?.skewMs ?? 0);
  }
}

function setTimer(callback: (...given: unknown[]) => void, delayMs = 0, ...given: unknown[]): Timer | undefined {
  const actor = actors.getStore();
  if (world === undefined || actor?.isAlive === false) return undefined;
  const act = () => (actor === undefined ? callback(...given) : actors.run(actor, callback, ...given));
  return { entry: world.later(delayMs, actor, () => `timer of ${delayMs.toFixed(1)} ms`, act) };
}

function repeat(callback: () => void, everyMs: number): { timer: Timer | undefined } & Unreferable {
  const state = { timer: setTimer(tick, everyMs), ...unreferable };
  function tick() {
    state.timer = setTimer(tick, everyMs);
    callback();
  }
  return state;
}

type Unreferable = { unref(): unknown; ref(): unknown };
const unreferable: Unreferable = {
  unref() {
    return this;
  },
  ref() {
    return this;
  },
};

function clear(handle: Timer | { readonly timer: Timer | undefined } | undefined): void {
  const timer = handle !== undefined && "timer" in handle ? handle.timer : handle;
  if (timer !== undefined) timer.entry.act = undefined;
}

Object.assign(globalThis, {
  Date: SimulatedDate,
  setTimeout: (callback: () => void, delayMs?: number, ...given: unknown[]) => {
    const timer = setTimer(callback, delayMs, ...given);
    return timer && Object.assign(timer, unreferable);
  },
  clearTimeout: clear,
  setInterval: repeat,
  clearInterval: clear,
});
Object.defineProperty(performance, "now", { value: () => world?.now ?? 0 });
Math.random = () => world?.random.next() ?? 0.5;
