import type { Envelope } from "@throughline/envelope";

/** Rejects, saying what took longer, after `ms`; what was asked goes on, and whoever asked takes no notice any more. */
export async function inTime<Result>(
  work: Promise<Result>,
  { what, of: { type, id }, ms }: { readonly what: string; readonly of: Envelope; readonly ms: number },
): Promise<Result> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`${what} ${type} ${id} took longer than ${ms} ms`)), ms);
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
