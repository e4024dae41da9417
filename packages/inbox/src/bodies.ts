import { redeemBody } from "@throughline/claims";
import type { Envelope } from "@throughline/envelope";
import { inTime } from "./in-time.ts";
import { isOutage, retry } from "./transient.ts";

/** Runs `work` with the envelope, its body in it. */
export type WithBody = <Result>(envelope: Envelope, work: (whole: Envelope) => Promise<Result>) => Promise<Result>;

export type BodyLimits = { readonly timeoutMs: number; readonly signal: AbortSignal };

/** More of them, parsed, are more than a process can be sure to hold. */
const bodiesAtOnce = 4;

/**
 * Fetches bodies that stayed behind, a few at a time, each within `timeoutMs`. Where their place is not to be had for a
 * while, that is no message's fault: it is waited for, until `signal`.
 */
export function createBodies({ timeoutMs, signal }: BodyLimits): WithBody {
  const waiting: (() => void)[] = [];
  let free = bodiesAtOnce;

  async function fetchBody(envelope: Envelope): Promise<Envelope> {
    const fetchInTime = () => inTime(redeemBody(envelope), { what: "The body of", of: envelope, ms: timeoutMs });
    return await retry(fetchInTime, { waitsOut: isOutage, until: Number.POSITIVE_INFINITY, signal });
  }

  return async (envelope, work) => {
    if (envelope.dataref === undefined) return await work(envelope);
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work(await fetchBody(envelope));
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
