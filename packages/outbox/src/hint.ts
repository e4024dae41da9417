import { EventEmitter } from "node:events";

const hints = new EventEmitter().setMaxListeners(0);

/** Tells the relays of this process that something is about to be committed. */
export function giveHint(): void {
  hints.emit("hint");
}

/** Calls back on every hint, until disposed. */
export function onHint(listener: () => void): Disposable {
  hints.on("hint", listener);
  return { [Symbol.dispose]: () => void hints.off("hint", listener) };
}
