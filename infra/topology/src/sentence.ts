/** The error with its causes: `fetch failed` alone tells nobody anything. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const parts = error instanceof AggregateError ? error.errors : [];
  const causes = [...parts, ...(error.cause === undefined ? [] : [error.cause])];
  return [error.message || error.name, ...causes.map(sentenceOf)].join(": ");
}
