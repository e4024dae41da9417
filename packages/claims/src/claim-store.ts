/** The day, in UTC, on which a body was put, and its SHA-256: `2026-11-26/9f86d081…`. */
const reference = /^\d{4}-\d{2}-\d{2}\/[0-9a-f]{64}$/;

export function isReference(text: string): boolean {
  return reference.test(text);
}

/**
 * Where bodies are that are too big to travel. Whoever sends and whoever receives them has the same. Where it takes nothing
 * for a while, it rejects with an error of the code `EBUSY`, or with that of the connection: try again later.
 */
export interface ClaimStore {
  /** Resolves once everybody can get it. The same body under its reference again changes nothing. */
  put(reference: string, body: Uint8Array): Promise<void>;
  /** Resolves with nothing where it was never put, or has been removed. */
  get(reference: string): Promise<Uint8Array | undefined>;
  /** Removes what was put before `day` (`2026-11-26`, UTC), whether or not a message that refers to it ever left. */
  removeBefore(day: string): Promise<void>;
}

let provided: ClaimStore | undefined;

/** From now on, and until disposed, big bodies of this process are in `store`. Throws where they have a place already. */
export function provideClaims(store: ClaimStore): Disposable {
  if (provided !== undefined) throw new Error("This process has a place for big bodies already");
  provided = store;
  return {
    [Symbol.dispose]() {
      provided = undefined;
    },
  };
}

export function providedClaims(): ClaimStore | undefined {
  return provided;
}
