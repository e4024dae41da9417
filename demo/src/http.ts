import { setTimeout as pause } from "node:timers/promises";

export type Call = {
  /** Default: GET. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
};

/** How long a service may be away, in milliseconds: it may have been killed and be on its way back. */
const patienceMs = 60_000;

/**
 * Calls until there is an answer that is not the server's fault, so the call must be one that may arrive twice. Rejects
 * with the last failure when that took too long.
 */
export async function callPatiently(url: string, call: Call = {}): Promise<Response> {
  const until = performance.now() + patienceMs;
  for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 2_000)) {
    const outcome = await attempt(url, call);
    if (outcome instanceof Response && outcome.status < 500) return outcome;
    call.signal?.throwIfAborted();
    if (performance.now() > until) throw await toError(url, call, outcome);
    if (outcome instanceof Response) await outcome.body?.cancel();
    await pause(waitMs, undefined, { signal: call.signal });
  }
}

/** The answer's JSON. Rejects, with what was answered, unless it was a success. */
export async function getJson<Body>(url: string, call: Call = {}): Promise<Body> {
  const response = await callPatiently(url, call);
  if (!response.ok) throw await toError(url, call, response);
  return (await response.json()) as Body;
}

async function attempt(url: string, { method = "GET", headers = {}, body, signal }: Call): Promise<Response | unknown> {
  try {
    return await fetch(url, {
      method,
      headers: { ...headers, ...(body !== undefined && { "content-type": "application/json" }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.any([AbortSignal.timeout(30_000), ...(signal ? [signal] : [])]),
    });
  } catch (error) {
    return error;
  }
}

async function toError(url: string, { method = "GET" }: Call, outcome: unknown): Promise<Error> {
  if (!(outcome instanceof Response)) return new Error(`${method} ${url} had no answer`, { cause: outcome });
  return new Error(`${method} ${url} was answered ${outcome.status}: ${(await outcome.text()).slice(0, 500)}`);
}
