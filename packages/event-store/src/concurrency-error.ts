/** What a writer believes about the stream it appends to: its version, or whether it is there at all. */
export type Expectation = number | "no-stream" | "stream-exists" | "any";

/** Someone else appended to the stream first. Roll back, read the stream again and decide again. */
export class ConcurrencyError extends Error {
  override readonly name = "ConcurrencyError";
  /** Postgres' code of a serialization failure: whoever does those over, does this over. */
  readonly code = "40001";
  readonly streamId: string;
  readonly expected: Expectation;
  /** The version that the stream really has; 0 where there is none. */
  readonly actual: number;

  constructor(streamId: string, expected: Expectation, actual: number) {
    super(`Stream ${streamId} is at version ${actual}, expected ${expected}`);
    this.streamId = streamId;
    this.expected = expected;
    this.actual = actual;
  }
}
