import { createRemoteJWKSet, errors, type JWTVerifyGetKey } from "jose";
import { z } from "zod";
import { problem } from "./http-problem.ts";

export type Issuer = {
  /** `https://id.example.com/`, exactly as its tokens have it. */
  readonly issuer: string;
  /** Default: what the issuer's discovery document says. */
  readonly jwksUrl?: string;
};

const timeoutMs = 5_000;
/** A key that its issuer has withdrawn is accepted for this long, and an issuer may be away for as long. */
const keptMs = 60 * 60_000;

const discovery = z.object({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https?$/ }) });

/** The keys of an issuer, fetched when they are first needed. Whoever needs one that cannot be had gets a 503. */
export function issuerKeys({ issuer, jwksUrl }: Issuer, cooldownMs: number): JWTVerifyGetKey {
  let keys: JWTVerifyGetKey | undefined;
  return async (header, token) => {
    try {
      keys ??= keysAt(jwksUrl ?? (await discover(issuer)), cooldownMs);
      return await keys(header, token);
    } catch (cause) {
      if (isOfToken(cause)) throw cause;
      const detail = `The keys of ${issuer} cannot be had now: try again`;
      throw problem(503, "Service Unavailable", { detail }, { cause });
    }
  };
}

function keysAt(url: string, cooldownDuration: number): JWTVerifyGetKey {
  return createRemoteJWKSet(new URL(url), { timeoutDuration: timeoutMs, cooldownDuration, cacheMaxAge: keptMs });
}

/** OpenID Connect Discovery 1.0, section 4. */
async function discover(issuer: string): Promise<string> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const response = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(timeoutMs) });
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
