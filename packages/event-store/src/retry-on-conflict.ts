import { ConcurrencyError } from "./concurrency-error.ts";

/** Runs a whole transaction; where somebody else was first (`ConcurrencyError`), once more, which reads and decides again. */
export async function retryOnConflict<Result>(transaction: () => Promise<Result>): Promise<Result> {
  try {
    return await transaction();
  } catch (error) {
    if (!(error instanceof ConcurrencyError)) throw error;
    return await transaction();
  }
}
