export type PublishFailure = {
  /** The envelope's id. */
  readonly id: string;
  /** True where the broker said no to this very message; false where its fate is unknown or it was never sent. */
  readonly refused: boolean;
  readonly cause: Error;
};

/** The broker may lack the envelopes in `failures` and has all others. Publish exactly those again. */
export class PublishError extends Error {
  override readonly name = "PublishError";
  readonly failures: readonly PublishFailure[];

  constructor(failures: readonly PublishFailure[]) {
    super(`${failures.length} envelopes may be missing at the broker: ${failures[0]?.cause.message}`);
    this.failures = failures;
  }
}
