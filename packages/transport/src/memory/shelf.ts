import type { DeadLetter } from "../transport.ts";

export type ShelvedLetter = {
  /** The message's type, as the road knew it. */
  readonly type: string;
  readonly letter: DeadLetter;
};

/** The dead letters of a group, in the order in which they came. */
export type Shelf = {
  readonly letters: ReadonlySet<ShelvedLetter>;
  add(letter: ShelvedLetter): void;
  /** A letter of one of these types that nobody holds; from now on it is held. */
  hold(types: readonly string[]): ShelvedLetter | undefined;
  /** To the end, for whoever asks next. */
  putBack(letter: ShelvedLetter): void;
  remove(letter: ShelvedLetter): void;
  /** Calls `listener` whenever there may be something to hold; returns how to stop that. */
  watch(listener: () => void): () => void;
};

export function createShelf(): Shelf {
  const letters = new Set<ShelvedLetter>();
  const held = new Set<ShelvedLetter>();
  const listeners = new Set<() => void>();

  return {
    letters,
    add,
    hold(types) {
      const letter = [...letters].find((one) => types.includes(one.type) && !held.has(one));
      if (letter !== undefined) held.add(letter);
      return letter;
    },
    putBack(letter) {
      remove(letter);
      add(letter);
    },
    remove,
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };

  function add(letter: ShelvedLetter): void {
    letters.add(letter);
    for (const listener of listeners) listener();
  }

  function remove(letter: ShelvedLetter): void {
    letters.delete(letter);
    held.delete(letter);
  }
}
