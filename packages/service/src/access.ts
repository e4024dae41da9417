import type { Request } from "express";
import { errors, type JWTVerifyGetKey, jwtVerify } from "jose";
import { z } from "zod";
import type { Config } from "./config.ts";
import { developmentIssuer, readDevelopmentKey } from "./development-key.ts";
import { HttpProblem, problem } from "./http-problem.ts";
import { issuerKeys } from "./issuer-keys.ts";

/** Who asks for something. */
export type Visitor = {
  /** The most that the `roles` of the token give; `customer` where they give none, `anonymous` where there is no token. */
  readonly role: "anonymous" | "customer" | "viewer" | "operator";
  /** The token's `sub`: of a customer, the customer's id. */
  readonly name: string;
  /** To ask another service in the same name. Absent where there is none. */
  readonly token?: string;
};

export type Access = {
  /**
   * Tells whose token this is; without one it is `anonymous`, where no issuer is configured. Throws a problem: 401 that
   * says what is wrong with the token, and 503 where the issuer's keys cannot be had.
   */
  admit(token: string | undefined): Promise<Visitor>;
  /** False in development, where nobody needs a token to look. */
  readonly isRequired: boolean;
};

/** What a token is signed with: keys of which the public half is enough to verify. */
const algorithms = ["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"];
/** How far the clocks of the issuer and of this machine may be apart, in seconds. */
const clockTolerance = 5;

const claims = z.object({ sub: z.string().min(1).max(255), roles: z.array(z.string()).default([]) });

/**
 * Admits requests by their signed tokens (JWT): those of the configured issuer, or, where none is configured, those of the
 * development issuer of this machine. Keys are fetched with the first token, kept, and fetched anew for a key that is not
 * among them, at most once in `cooldownMs`, also while the issuer does not answer. Default: 5,000.
 */
export function openAccess(
  { access }: Pick<Config, "access">,
  { cooldownMs = 5_000 }: { readonly cooldownMs?: number } = {},
): Access {
  const isRequired = access.kind === "issuer";
  const { issuer, audience } = isRequired ? access : developmentIssuer;
  const keys = isRequired ? issuerKeys(access, cooldownMs) : () => readDevelopmentKey(access.keyFile);
  const expected = { issuer, audience, algorithms, clockTolerance, requiredClaims: ["sub", "exp"] };

  return {
    isRequired,
    async admit(token) {
      if (token !== undefined) return { ...(await verify(token, keys, expected)), token };
      if (isRequired) throw refused(`A token of ${issuer} is needed: Authorization: Bearer …`);
      return { role: "anonymous", name: "anonymous" };
    },
  };
}

/** The token of `Authorization: Bearer …`. Throws 401 for another scheme. */
export function bearerOf(request: Request): string | undefined {
  const header = request.get("authorization");
  if (header === undefined) return undefined;
  const [, token] = /^Bearer +(\S+)$/i.exec(header) ?? [];
  if (token === undefined) throw refused("Authorization: expected Bearer and a token");
  return token;
}

async function verify(
  token: string,
  keys: JWTVerifyGetKey,
  expected: NonNullable<Parameters<typeof jwtVerify>[2]>,
): Promise<Pick<Visitor, "role" | "name">> {
  try {
    const { payload } = await jwtVerify(token, keys, expected);
    const { sub, roles } = claims.parse(payload);
    return {
      name: sub,
      role: roles.includes("operator") ? "operator" : roles.includes("viewer") ? "viewer" : "customer",
    };
  } catch (error) {
    throw error instanceof HttpProblem ? error : refused(`The token is refused: ${faultOf(error)}`, error);
  }
}

function faultOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) {
    return `it expired at ${new Date((error.payload.exp ?? 0) * 1_000).toISOString()}`;
  }
  if (error instanceof errors.JWTClaimValidationFailed)
    return `its ${error.claim} is not as expected (${error.reason})`;
  if (error instanceof errors.JWKSNoMatchingKey) return "it is signed by a key that its issuer does not have";
  if (error instanceof errors.JWSSignatureVerificationFailed) return "its signature does not belong to it";
  if (error instanceof errors.JOSEAlgNotAllowed) return `it is signed otherwise than by ${algorithms.join(", ")}`;
  if (error instanceof z.ZodError)
    return error.issues.map(({ path, message }) => `${path.map(String).join(".")}: ${message}`).join("; ");
  return error instanceof errors.JOSEError ? `it is no signed token (${error.message})` : String(error);
}

function refused(detail: string, cause?: unknown): HttpProblem {
  return problem(401, "Unauthorized", { detail }, { cause });
}
