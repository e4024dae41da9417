import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Router } from "express";
import { SignJWT, UnsecuredJWT } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { bearerOf, openAccess } from "./access.ts";
import { issueDevelopmentToken } from "./development-key.ts";
import { serveHttp } from "./http-server.ts";
import { startChild } from "./testing/child.ts";
import { call, config } from "./testing/http.ts";
import { createKey, openIssuer } from "./testing/issuer.ts";

type Issuer = Awaited<ReturnType<typeof openIssuer>>;

describe("a token of the issuer", () => {
  test("says who asks, and the most that they may do", async () => {
    await using issuer = await openIssuer();
    const access = openAccess(issuer);
    const roleOf = async (roles: unknown) => (await access.admit(await issuer.sign({ sub: "c-1", roles }))).role;
    expect(await roleOf(undefined)).toBe("customer");
    expect(await roleOf(["staff"])).toBe("customer");
    expect(await roleOf(["viewer", "staff"])).toBe("viewer");
    expect(await roleOf(["viewer", "operator"])).toBe("operator");
    const token = await issuer.sign({ sub: "c-1" });
    expect(await access.admit(token)).toEqual({ role: "customer", name: "c-1", token });
    expect(issuer.asked).toEqual(["/.well-known/openid-configuration", "/keys"]);
  });

  const faults: readonly [string, (issuer: Issuer) => Promise<string>, RegExp][] = [
    ["that has expired", (issuer) => issuer.sign({ exp: seconds(-60) }), /it expired at 20\d\d-/],
    ["that is not good yet", (issuer) => issuer.sign({ nbf: seconds(60) }), /its nbf is not as expected/],
    ["for somebody else", (issuer) => issuer.sign({ aud: "another" }), /its aud is not as expected/],
    ["of another issuer", (issuer) => issuer.sign({ iss: "https://evil.example" }), /its iss is not as expected/],
    ["that never expires", (issuer) => issuer.sign({ exp: undefined }), /its exp is not as expected/],
    ["without a subject", (issuer) => issuer.sign({ sub: undefined }), /its sub is not as expected/],
    ["with roles that are no list", (issuer) => issuer.sign({ roles: "operator" }), /roles: .*array/],
    [
      "signed by a stranger",
      async (issuer) => issuer.sign({}, await createKey()),
      /a key that its issuer does not have/,
    ],
    ["signed by a stranger in the issuer's name", forged, /its signature does not belong to it/],
    ["that nobody signed", unsigned, /signed otherwise than by RS256/],
    ["signed with what everybody knows", signedWithPublicKey, /signed otherwise than by RS256/],
    ["that is none", async () => "open sesame", /it is no signed token/],
  ];
  test.each(faults)("%s is refused, and it is said why", async (_what, make, reason) => {
    await using issuer = await openIssuer();
    await expect(openAccess(issuer).admit(await make(issuer))).rejects.toMatchObject({
      status: 401,
      extra: { detail: expect.stringMatching(reason) },
    });
  });

  test("is needed", async () => {
    await using issuer = await openIssuer();
    await expect(openAccess(issuer).admit(undefined)).rejects.toMatchObject({ status: 401 });
  });

  test("that was signed with a new key is good as soon as the issuer has the key, and one of the old key no more", async () => {
    await using issuer = await openIssuer();
    const access = openAccess(issuer, { cooldownMs: 0 });
    const old = await issuer.sign();
    await access.admit(old);
    await issuer.rotate();
    expect(await access.admit(await issuer.sign({ sub: "ben" }))).toMatchObject({ name: "ben" });
    await expect(access.admit(old)).rejects.toMatchObject({ status: 401 });
  });

  test("is not refused while the issuer is down: that is a 503, until the keys are here", async () => {
    await using issuer = await openIssuer();
    const access = openAccess(issuer, { cooldownMs: 0 });
    issuer.setBroken(true);
    const token = await issuer.sign();
    await expect(access.admit(token)).rejects.toMatchObject({ status: 503, cause: expect.any(Error) });
    issuer.setBroken(false);
    await access.admit(token);
    issuer.setBroken(true);
    expect(await access.admit(token)).toMatchObject({ name: "ann" });
  });
});

describe("an issuer that fails is asked nothing for five seconds", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }));
  afterEach(() => void vi.useRealTimers());

  test("when nothing is known of it", async () => {
    await using issuer = await openIssuer();
    const access = openAccess(issuer);
    const token = await issuer.sign();
    issuer.setBroken(true);
    for (let round = 0; round < 2; round += 1) {
      const answers = await Promise.allSettled([1, 2, 3].map(() => access.admit(token)));
      for (const answer of answers) expect(answer).toMatchObject({ reason: { status: 503 } });
    }
    expect(issuer.asked).toHaveLength(1);
    issuer.setBroken(false);
    await expect(access.admit(token)).rejects.toMatchObject({ status: 503 });
    vi.setSystemTime(Date.now() + 5_000);
    expect(await access.admit(token)).toMatchObject({ name: "ann" });
  });

  test("whatever tokens are forged, and the keys that are here stay good", async () => {
    await using issuer = await openIssuer();
    const access = openAccess(issuer);
    const token = await issuer.sign();
    const admitForged = async () => access.admit(await issuer.sign({}, await createKey()));
    await access.admit(token);
    vi.setSystemTime(Date.now() + 5_000);
    issuer.setBroken(true);
    for (let round = 0; round < 3; round += 1) await expect(admitForged()).rejects.toMatchObject({ status: 503 });
    expect(await access.admit(token)).toMatchObject({ name: "ann" });
    expect(issuer.asked).toEqual(["/.well-known/openid-configuration", "/keys", "/keys"]);
    issuer.setBroken(false);
    vi.setSystemTime(Date.now() + 5_000);
    await expect(admitForged()).rejects.toMatchObject({ status: 401 });
  });
});

describe("where no issuer is configured", () => {
  test("whoever has no token is anonymous, and a token needs a key of this machine", async () => {
    const access = openAccess({ access: { kind: "development" } });
    expect(await access.admit(undefined)).toEqual({ role: "anonymous", name: "anonymous" });
    await expect(access.admit("a.b.c")).rejects.toMatchObject({ status: 401 });
  });

  test("tokens are good that were signed with the key of this machine, which only its owner can read", async () => {
    await using folder = await createFolder();
    const [keyFile, otherFile] = [join(folder.path, "new", "key.json"), join(folder.path, "other.json")];
    const holder = { subject: "ann", roles: ["operator"] };
    // At the same time: one key counts for both.
    const tokens = await Promise.all([issueDevelopmentToken(keyFile, holder), issueDevelopmentToken(keyFile, holder)]);
    const access = openAccess({ access: { kind: "development", keyFile } });
    for (const token of tokens) expect(await access.admit(token)).toMatchObject({ role: "operator", name: "ann" });
    expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
    const foreign = await issueDevelopmentToken(otherFile, holder);
    await expect(access.admit(foreign)).rejects.toMatchObject({ status: 401 });
  });

  test("a program prints a token for an operator, a viewer or a customer, and nothing of the key", async () => {
    await using folder = await createFolder();
    const keyFile = join(folder.path, "key.json");
    const access = openAccess({ access: { kind: "development", keyFile } });
    for (const [who, role] of [
      ["operator", "operator"],
      ["viewer", "viewer"],
      ["c-1", "customer"],
    ] as const) {
      await using child = startChild("../token.ts", [who], { DEVELOPMENT_KEY_FILE: keyFile });
      expect(await child.ended).toMatchObject({ code: 0 });
      expect(await access.admit(child.output().trim())).toMatchObject({
        role,
        ...(role === "customer" && { name: who }),
      });
    }
    await using child = startChild("../token.ts");
    expect(await child.ended).toMatchObject({ code: 1 });
    expect(child.output()).toContain("DEVELOPMENT_KEY_FILE: is not set");
  });
});

test("a request brings its token in Authorization, and what is wrong with it is a problem that says so", async () => {
  await using issuer = await openIssuer();
  const access = openAccess(issuer);
  const routes = Router().get("/me", async (request, response) => {
    const { name, role } = await access.admit(bearerOf(request));
    response.json({ name, role });
  });
  await using http = await serveHttp(config, { routes });
  const me = (authorization: string) => call(`${http.url}/me`, { headers: { authorization } });
  expect((await me(`Bearer ${await issuer.sign()}`)).body).toEqual({ name: "ann", role: "customer" });
  const refused = await me("Basic YTpi");
  expect(refused).toMatchObject({ status: 401, body: { detail: "Authorization: expected Bearer and a token" } });
  expect(refused.headers.get("www-authenticate")).toBe("Bearer");
});

function seconds(fromNow: number): number {
  return Math.floor(Date.now() / 1_000) + fromNow;
}

async function forged(issuer: Issuer): Promise<string> {
  const { kid } = JSON.parse(Buffer.from((await issuer.sign()).split(".")[0] ?? "", "base64url").toString());
  return issuer.sign({ roles: ["operator"] }, { ...(await createKey()), kid });
}

async function unsigned({ access }: Issuer): Promise<string> {
  if (access.kind !== "issuer") throw new Error("no issuer");
  const { issuer, audience } = access;
  return new UnsecuredJWT({ sub: "ann" }).setIssuer(issuer).setAudience(audience).setExpirationTime("1h").encode();
}

/** Whoever lets a token choose its algorithm takes the public key for a secret that both sides share. */
async function signedWithPublicKey({ access }: Issuer): Promise<string> {
  if (access.kind !== "issuer") throw new Error("no issuer");
  const keys = await (await fetch(`${access.issuer}/keys`)).text();
  const token = new SignJWT({ sub: "ann" }).setIssuer(access.issuer).setAudience(access.audience);
  return token.setExpirationTime("1h").setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(keys));
}

async function createFolder() {
  const path = await mkdtemp(join(tmpdir(), "throughline-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}
