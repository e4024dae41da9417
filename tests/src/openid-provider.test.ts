import { fileURLToPath } from "node:url";
import { freeBasePort } from "@throughline/local/ports";
import { openAccess } from "@throughline/service";
import { describe, expect, test } from "vitest";
import { call } from "./testing/http.ts";
import { startOpenidProvider } from "./testing/openid-provider.ts";
import { runService } from "./testing/service-process.ts";

const audience = "throughline";
const console = fileURLToPath(new URL("../../services/console/src/main.ts", import.meta.url));

describe("a token of an OpenID provider that is none of ours", () => {
  test.each(["RS256", "PS256", "ES256", "EdDSA"] as const)("says who asks and what they may do, by %s", async (how) => {
    await using provider = await startOpenidProvider(how);
    const { issuer } = provider;
    const access = openAccess({ access: { kind: "issuer", issuer, audience } });
    expect(await access.admit(await provider.token("ann", audience))).toMatchObject({ name: "ann", role: "operator" });
    expect(await access.admit(await provider.token("c-1", audience))).toMatchObject({ name: "c-1", role: "customer" });
    for (const [token, reason] of [
      [await provider.token("ann", "another"), /its aud is not as expected/],
      [await provider.token("ann"), /it is no signed token/],
    ] as const) {
      const detail = expect.stringMatching(reason);
      await expect(access.admit(token)).rejects.toMatchObject({ status: 401, extra: { detail } });
    }
  });

  test("is good when the provider starts again with other keys, and those of its old keys are no more", async () => {
    await using provider = await startOpenidProvider("RS256");
    const { issuer } = provider;
    const access = openAccess({ access: { kind: "issuer", issuer, audience } }, { cooldownMs: 0 });
    const old = await provider.token("ann", audience);
    await access.admit(old);
    await provider.restart();
    expect(await access.admit(await provider.token("ann", audience))).toMatchObject({ role: "operator" });
    await expect(access.admit(old)).rejects.toMatchObject({ status: 401 });
  });

  test("opens the console to its operators, and not to its customers", async () => {
    await using provider = await startOpenidProvider("RS256");
    const port = await freeBasePort();
    const env = { OIDC_ISSUER: provider.issuer, OIDC_AUDIENCE: audience, OTLP_PORT: String(port + 1) };
    await using service = runService({ name: "console", main: console, port, env, isSupervised: false });
    await service.ready();
    const statusFor = async (headers: Record<string, string>) =>
      (await call(`${service.url}/snapshot`, { headers })).status;
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
    expect(await statusFor({})).toBe(401);
    expect(await statusFor(bearer(await provider.token("c-1", audience)))).toBe(403);
    expect(await statusFor(bearer(await provider.token("ann", audience)))).toBe(200);
  });
});
