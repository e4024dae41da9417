/** Stands in for the outbox's hints, which reach the relays of the same process: here, of the same actor. */
import { actors } from "./world.ts";

const listeners = new Map<object | undefined, Set<() => void>>();

export function giveHint(): void {
  for (const listener of listeners.get(actors.getStore()) ?? []) listener();
}

export function onHint(listener: () => void): Disposable {
  const actor = actors.getStore();
  const own = listeners.get(actor) ?? new Set();
  listeners.set(actor, own.add(listener));
  return { [Symbol.dispose]: () => void own.delete(listener) };
}

/** Those who died never say that they listen no more. */
export function forgetListeners(): void {
  listeners.clear();
}
