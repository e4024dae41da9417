import { generateKeyPairSync, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import Provider, { type JWK } from "oidc-provider";
import { type Algorithm, clients } from "./openid-provider.ts";

/**
 * An OpenID provider as others make and run it, with new keys each time: it gives its clients signed tokens for
 * `urn:example:<audience>`, and handles that only itself can read where they name nothing.
 */
const [port = "", algorithm = ""] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  clients: Object.keys(clients).map((client_id) => ({
    ...{ client_id, client_secret: "secret", grant_types: ["client_credentials"] },
    ...{ redirect_uris: [], response_types: [] },
  })),
  jwks: { keys: createKeys() },
  extraTokenClaims: (_context, { clientId }) => clients[clientId as keyof typeof clients],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, resource) => ({
        ...{ scope: "", accessTokenFormat: "jwt", audience: resource.replace("urn:example:", "") },
        jwt: { sign: { alg: algorithm as Algorithm } },
      }),
    },
  },
});
const server = createServer(provider.callback()).listen(Number(port), "127.0.0.1");
await once(server, "listening");
process.once("disconnect", () => process.exit());
process.send?.("listening");

function createKeys(): JWK[] {
  const pairs = [
    generateKeyPairSync("rsa", { modulusLength: 2_048 }),
    generateKeyPairSync("ec", { namedCurve: "P-256" }),
    generateKeyPairSync("ed25519"),
  ];
  return pairs.map(
    ({ privateKey }) => ({ ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig" }) as JWK,
  );
}
