/** Waits for what may never come: after `ms`, goes on, and leaves it to the tally to say what is lacking. */
export async function within(ms: number, awaited: Promise<void>): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([awaited, over]);
  clearTimeout(timer);
}
