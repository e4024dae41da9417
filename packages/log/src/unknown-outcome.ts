/**
 * Nobody knows whether the transaction committed: its connection broke at the COMMIT. Do it over only where it would
 * know itself again, by a key or in an inbox; otherwise look whether it is there, or tell of the doubt.
 */
export class UnknownOutcomeError extends Error {
  override readonly name = "UnknownOutcomeError";

  constructor(cause: unknown) {
    super("Nobody knows whether the transaction committed: its connection broke at the COMMIT", { cause });
  }
}
