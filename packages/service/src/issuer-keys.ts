import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from "jose";
import { z } from "zod";
import { problem } from "./http-problem.ts";

export type Issuer = {
  /** `https://id.example.com/`, exactly as its tokens have it. */
  readonly issuer: string;
  /** Default: what the issuer's discovery document says. */
  readonly jwksUrl?: string;
};

type Ask = (url: string, options: RequestInit) => Promise<Response>;

const timeoutMs = 5_000;
/** A key that its issuer has withdrawn is accepted for this long, and an issuer may be away for as long. */
const keptMs = 60 * 60_000;

const discovery = z.object({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https?$/ }) });

/**
 * The keys of an issuer, fetched when they are first needed. Whoever needs one that cannot be had gets a 503; the issuer
 * is asked again when `cooldownMs` have passed.
 */
export function issuerKeys({ issuer, jwksUrl }: Issuer, cooldownMs: number): JWTVerifyGetKey {
  let finding: Promise<JWTVerifyGetKey> | undefined;
  let keys: JWTVerifyGetKey | undefined;
  let failed: { readonly cause: unknown; readonly until: number } | undefined;

  return async (header, token) => {
    try {
      finding ??= find();
      keys ??= await finding;
      return await keys(header, token);
    } catch (cause) {
      if (isOfToken(cause)) throw cause;
      if (keys === undefined) finding = undefined;
      // Whoever waited for the same answer, or was told of it again, does not make it newer.
      if (cause !== failed?.cause) failed = { cause, until: Date.now() + cooldownMs };
      const detail = `The keys of ${issuer} cannot be had now: try again`;
      throw problem(503, "Service Unavailable", { detail }, { cause });
    }
  };

  async function find(): Promise<JWTVerifyGetKey> {
    return keysAt(jwksUrl ?? (await discover(issuer, ask)), cooldownMs, ask);
  }

  async function ask(url: string, options: RequestInit): Promise<Response> {
    if (failed && Date.now() < failed.until) throw failed.cause;
    return fetch(url, options);
  }
}

function keysAt(url: string, cooldownDuration: number, ask: Ask): JWTVerifyGetKey {
  const durations = { timeoutDuration: timeoutMs, cooldownDuration, cacheMaxAge: keptMs };
  return createRemoteJWKSet(new URL(url), { ...durations, [customFetch]: ask });
}

/** OpenID Connect Discovery 1.0, section 4. */
async function discover(issuer: string, ask: Ask): Promise<string> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const response = await ask(url, { redirect: "error", signal: AbortSignal.timeout(timeoutMs) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const found = discovery.parse(await response.json());
  if (found.issuer !== issuer) throw new Error(`${url} is about ${found.issuer}, and OIDC_ISSUER is ${issuer}`);
  if (issuer.startsWith("https:") && !found.jwks_uri.startsWith("https:")) {
    throw new Error(`${url} has its keys at ${found.jwks_uri}: expected https://, as the issuer has`);
  }
  return found.jwks_uri;
}

function isOfToken(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported
  );
}
