/** Stands in for `node:events` where it is a bus within a process: a listener hears only what its own actor emits. */
import { EventEmitter as RealEmitter } from "node:events";
import { type Actor, actors } from "./world.ts";

type Listener = (...given: unknown[]) => void;
type Entry = { readonly name: string | symbol; readonly listener: Listener; readonly actor: Actor | undefined };

export class EventEmitter extends RealEmitter {
  #entries: Entry[] = [];

  get isHeard(): boolean {
    return this.#entries.length > 0;
  }

  override on(name: string | symbol, listener: Listener): this {
    // Those who died never say that they listen no more.
    this.#entries = this.#entries.filter(({ actor }) => actor?.isAlive !== false);
    this.#entries.push({ name, listener, actor: actors.getStore() });
    return this;
  }

  override off(name: string | symbol, listener: Listener): this {
    this.#entries = this.#entries.filter((entry) => entry.name !== name || entry.listener !== listener);
    return this;
  }

  override emit(name: string | symbol, ...given: unknown[]): boolean {
    const actor = actors.getStore();
    const hearing = this.#entries.filter((entry) => entry.name === name && entry.actor === actor);
    for (const { listener } of hearing) listener(...given);
    return hearing.length > 0;
  }
}
