import type { z } from "zod";
import type { Contradiction } from "./config-faults.ts";
import type { settings } from "./settings.ts";

type Settings = z.infer<typeof settings>;

/** Whose tokens are good: an issuer's, or those of this machine's development issuer. */
export type AccessConfig =
  | { readonly kind: "issuer"; readonly issuer: string; readonly audience: string; readonly jwksUrl?: string }
  | { readonly kind: "development"; readonly keyFile?: string };

export function accessOf(env: Settings): AccessConfig {
  const { OIDC_ISSUER: issuer, OIDC_AUDIENCE: audience, OIDC_JWKS_URL: jwksUrl, DEVELOPMENT_KEY_FILE: keyFile } = env;
  if (issuer && audience) return { kind: "issuer", issuer, audience, ...(jwksUrl && { jwksUrl }) };
  return { kind: "development", ...(keyFile && { keyFile }) };
}

/** What cannot be meant about tokens; in production, for a process that admits requests by them, an issuer must be there. */
export function accessFaults(env: Settings, isAsked: boolean): Contradiction[] {
  const isProduction = isAsked && env.NODE_ENV === "production";
  return env.OIDC_ISSUER === undefined ? withoutIssuer(env, isProduction) : withIssuer(env, isProduction);
}

function withoutIssuer(env: Settings, isProduction: boolean): Contradiction[] {
  const strays = (["OIDC_AUDIENCE", "OIDC_JWKS_URL"] as const).filter((name) => env[name] !== undefined);
  return [
    ...strays.map((name) =>
      faultOf(
        [name, "OIDC_ISSUER"],
        "is set, but OIDC_ISSUER is not. Set what the tokens have as iss, or unset this one",
      ),
    ),
    ...(isProduction ? [noIssuer] : []),
  ];
}

const noIssuer = faultOf(
  ["OIDC_ISSUER", "NODE_ENV"],
  "is not set, but NODE_ENV is production, which has no development issuer. Set OIDC_ISSUER and OIDC_AUDIENCE",
);

function withIssuer(env: Settings, isProduction: boolean): Contradiction[] {
  const open = (["OIDC_ISSUER", "OIDC_JWKS_URL"] as const).filter((name) => env[name]?.startsWith("http:"));
  return [
    ...(env.OIDC_AUDIENCE === undefined
      ? [
          faultOf(
            ["OIDC_AUDIENCE", "OIDC_ISSUER"],
            "is not set, but OIDC_ISSUER is. Set what its tokens for us have as aud",
          ),
        ]
      : []),
    ...(env.DEVELOPMENT_KEY_FILE === undefined
      ? []
      : [faultOf(["DEVELOPMENT_KEY_FILE", "OIDC_ISSUER"], "is set, but OIDC_ISSUER is as well. Unset one of them")]),
    ...(isProduction ? open : []).map((name) =>
      faultOf(
        [name, "NODE_ENV"],
        "is http://, but NODE_ENV is production, where keys may be swapped on the way. Take https://",
      ),
    ),
  ];
}

function faultOf(names: readonly [string, string], fault: string): Contradiction {
  return { names, fault: `${names[0]}: ${fault}` };
}
