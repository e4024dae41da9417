import { randomUUID } from "node:crypto";
import { Router } from "express";
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from "jose";
import type { AccessConfig } from "../access-settings.ts";
import { problem } from "../http-problem.ts";
import { serveHttp } from "../http-server.ts";
import { config } from "./http.ts";

export type SigningKey = { readonly kid: string; readonly privateKey: CryptoKey; readonly jwk: object };

/** An issuer as it is on the web: a discovery document, a set of keys, and tokens that it has signed. */
export async function openIssuer() {
  let keys = [await createKey()];
  let isBroken = false;
  const asked: string[] = [];
  const routes = Router();
  routes.use((request, _response, next) => {
    asked.push(request.path);
    if (isBroken) throw problem(500, "Internal Server Error");
    next();
  });
  routes.get("/.well-known/openid-configuration", (_request, response) => {
    response.json({ issuer: http.url, jwks_uri: `${http.url}/keys` });
  });
  routes.get("/keys", (_request, response) => void response.json({ keys: keys.map(({ jwk }) => jwk) }));
  const http = await serveHttp(config, { routes });
  const access: AccessConfig = { kind: "issuer", issuer: http.url, audience: "throughline" };

  return {
    ...{ access, asked },
    /** Signs with the newest key; claims of the same name replace the right ones, and undefined removes them. */
    sign(claims: Readonly<Record<string, unknown>> = {}, { kid, privateKey } = newest()): Promise<string> {
      const seconds = Math.floor(Date.now() / 1_000);
      const right = { iss: http.url, aud: "throughline", sub: "ann", iat: seconds, exp: seconds + 60 };
      const payload = Object.fromEntries(
        Object.entries({ ...right, ...claims }).filter(([, value]) => value !== undefined),
      );
      return new SignJWT(payload).setProtectedHeader({ alg: "ES256", kid }).sign(privateKey);
    },
    /** From now on this issuer signs with another key, and knows no more of the old one. */
    async rotate(): Promise<void> {
      keys = [await createKey()];
    },
    setBroken(broken: boolean): void {
      isBroken = broken;
    },
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };

  function newest(): SigningKey {
    const key = keys.at(-1);
    if (key === undefined) throw new Error("The issuer has no key");
    return key;
  }
}

export async function createKey(): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  const kid = randomUUID();
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: "ES256" } };
}
