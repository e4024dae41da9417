import { randomUUID } from "node:crypto";
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { type CryptoKey, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from "jose";
import { problem } from "./http-problem.ts";

/** Whose tokens are good where no issuer is configured. */
export const developmentIssuer = { issuer: "urn:throughline:development", audience: "throughline" };

const algorithm = "ES256";
/** How long a token of the development issuer is good. */
const goodFor = "12h";

/** Signs a token for this machine, with the key in `keyFile`, which is made where it is missing. */
export async function issueDevelopmentToken(
  keyFile: string,
  { subject, roles }: { readonly subject: string; readonly roles: readonly string[] },
): Promise<string> {
  await makeKey(keyFile);
  const jwk = JSON.parse(await readFile(keyFile, "utf8")) as JWK;
  const { issuer, audience } = developmentIssuer;
  return new SignJWT({ roles })
    .setProtectedHeader({ alg: algorithm })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime(goodFor)
    .sign(await importJWK(jwk, algorithm));
}

/** Throws 401 where no token can have been signed with it. */
export async function readDevelopmentKey(keyFile: string | undefined): Promise<CryptoKey> {
  const text = keyFile === undefined ? undefined : await readIfThere(keyFile);
  if (text === undefined) {
    const detail =
      "No issuer is configured (OIDC_ISSUER), and the development issuer has no key (DEVELOPMENT_KEY_FILE)";
    throw problem(401, "Unauthorized", { detail });
  }
  const { d: _private, ...jwk } = JSON.parse(text) as JWK;
  return (await importJWK(jwk, algorithm)) as CryptoKey;
}

/** Linked into its place when it is whole: of two who make one at the same time, the first one's counts. */
async function makeKey(keyFile: string): Promise<void> {
  if ((await readIfThere(keyFile)) !== undefined) return;
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true });
  await mkdir(dirname(keyFile), { recursive: true });
  const draft = `${keyFile}.${randomUUID()}`;
  await writeFile(draft, JSON.stringify(await exportJWK(privateKey)), { mode: 0o600 });
  try {
    await link(draft, keyFile);
  } catch (error) {
    if (!isCode(error, "EEXIST")) throw error;
  } finally {
    await rm(draft);
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
