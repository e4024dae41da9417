import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Access, openAccess, serveHttp } from "@throughline/service";
import { issueDevelopmentToken } from "@throughline/service/development-key";
import { openIssuer } from "@throughline/service/testing";
import { describe, expect, test } from "vitest";
import { routes } from "./http.ts";
import { createTraces } from "./traces.ts";
import { operatorsOnly } from "./visitors.ts";
import { watchServices } from "./watch.ts";

const quiet = { service: "test", httpHost: "127.0.0.1", port: 0, logLevel: "silent", shutdownGraceMs: 1_000 };
const asPerson = { accept: "text/html,*/*" };

describe("where an issuer is configured", () => {
  test("a person without a token is sent to sign in, and comes back to where they wanted to go", async () => {
    await using issuer = await openIssuer();
    await using console = await openConsole(openAccess(issuer));
    const turned = await console.ask("/orders/o-1?x=1", { headers: asPerson });
    expect([turned.status, turned.headers.get("location")]).toEqual([303, "/sign-in?next=%2Forders%2Fo-1%3Fx%3D1"]);
    const form = await (await console.ask("/sign-in?next=%2Forders%2Fo-1", { headers: asPerson })).text();
    expect(form).toContain('name="next" value="/orders/o-1"');

    const token = await issuer.sign({ roles: ["viewer"] });
    const signedIn = await console.signIn(token, "/orders/o-1");
    expect([signedIn.status, signedIn.headers.get("location")]).toEqual([303, "/orders/o-1"]);
    const set = signedIn.headers.get("set-cookie") ?? "";
    expect(set.split("; ")).toEqual(expect.arrayContaining(["HttpOnly", "Secure", "SameSite=Strict", "Path=/"]));
    const cookie = set.split(";")[0] ?? "";
    const page = await console.ask("/", { headers: { ...asPerson, cookie } });
    expect(page.status).toBe(200);
    expect(await page.text()).toContain("ann, viewer");
  });

  test("a program without a token is told so, and one with a viewer's is answered", async () => {
    await using issuer = await openIssuer();
    await using console = await openConsole(openAccess(issuer));
    for (const path of ["/", "/snapshot", "/events", "/orders/o-1"]) {
      expect([path, (await console.ask(path)).status]).toEqual([path, 401]);
    }
    const authorization = `Bearer ${await issuer.sign({ roles: ["viewer"] })}`;
    expect((await console.ask("/snapshot", { headers: { authorization } })).status).toBe(200);
  });

  test("a token that no browser would keep is refused, and it is said why", async () => {
    await using issuer = await openIssuer();
    await using console = await openConsole(openAccess(issuer));
    const answer = await console.signIn(await issuer.sign({ roles: ["viewer"], groups: "g".repeat(4_000) }));
    expect([answer.status, answer.headers.get("set-cookie")]).toEqual([401, null]);
    expect(await answer.text()).toContain("no browser keeps it");
  });

  test("a customer has no business here", async () => {
    await using issuer = await openIssuer();
    await using console = await openConsole(openAccess(issuer));
    const answer = await console.signIn(await issuer.sign({ sub: "c-1" }));
    expect([answer.status, answer.headers.get("set-cookie")]).toEqual([401, null]);
    expect(await answer.text()).toContain("c-1 is a customer, and this needs the role viewer");
    const authorization = `Bearer ${await issuer.sign({ sub: "c-1" })}`;
    expect((await console.ask("/events", { headers: { authorization } })).status).toBe(403);
  });
});

describe("a write", () => {
  test("is an operator's", async () => {
    await using console = await openConsole(await localAccess());
    expect((await console.write({})).status).toBe(403);
    expect((await console.write({ cookie: await console.cookieOf("vic", "viewer") })).status).toBe(403);
    expect((await console.write({ cookie: await console.cookieOf("opa", "operator") })).status).toBe(204);
  });

  test.each([
    ["another site", { "sec-fetch-site": "cross-site" }],
    ["another host of the same site", { "sec-fetch-site": "same-site" }],
    ["another origin, in a browser that says no more", { origin: "http://evil.example" }],
    ["an origin that hides", { origin: "null" }],
  ])("that a page of %s sends in an operator's name is refused, and so is its sign-in", async (_what, headers) => {
    await using console = await openConsole(await localAccess());
    const cookie = await console.cookieOf("opa", "operator");
    expect((await console.write({ cookie, ...headers })).status).toBe(403);
    expect((await console.signIn("a.b.c", "/", headers)).status).toBe(403);
    const own = { origin: console.url };
    expect((await console.write({ cookie, ...own })).status).toBe(204);
    expect((await console.write({ cookie, "sec-fetch-site": "same-origin" })).status).toBe(204);
  });
});

describe("in development", () => {
  test("whoever has not signed in may look", async () => {
    await using console = await openConsole(await localAccess());
    const page = await console.ask("/", { headers: asPerson });
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('href="/sign-in?next=%2F"')]);
  });

  test("a token that is no good any more is taken away, and it is said why", async () => {
    await using console = await openConsole(await localAccess());
    const cookie = "throughline-token=a.b.c";
    const turned = await console.ask("/", { headers: { ...asPerson, cookie } });
    expect([turned.status, turned.headers.get("location")]).toEqual([303, "/sign-in?next=%2F"]);
    const form = await console.ask("/sign-in", { headers: { ...asPerson, cookie } });
    expect(form.headers.get("set-cookie")).toContain("throughline-token=; ");
    expect(await form.text()).toContain("it is no signed token");
  });

  test("whoever watches is cut off as soon as their token is no good any more", async () => {
    const access = await localAccess();
    await using console = await openConsole(access);
    const watching = await console.ask("/events", { headers: { cookie: await console.cookieOf("opa", "operator") } });
    expect(watching.status).toBe(200);
    await rm(access.keyFile);
    expect(await watching.text()).toContain("data: {");
  });

  test("signing in leads nowhere but to the console", async () => {
    await using console = await openConsole(await localAccess());
    const token = await console.token("opa", "operator");
    for (const next of [
      "https://evil.example/",
      "//evil.example",
      "/\\evil.example",
      "/\t/evil.example",
      "/.//evil.example",
      "http://console//evil.example",
      "",
    ]) {
      expect([next, (await console.signIn(token, next)).headers.get("location")]).toEqual([next, "/"]);
    }
  });

  test("signing out takes the token away, and it lets nobody in any more until it is signed in again", async () => {
    await using console = await openConsole(await localAccess());
    const [token, other] = await Promise.all([console.token("opa", "operator"), console.token("vic", "viewer")]);
    const statusFor = async (cookie: string) => (await console.ask("/snapshot", { headers: { cookie } })).status;
    const cookie = `throughline-token=${token}`;
    const watching = await console.ask("/events", { headers: { cookie } });
    const { status, headers } = await console.ask("/sign-out", { method: "POST", headers: { cookie } });
    expect([status, headers.get("set-cookie")]).toEqual([303, expect.stringContaining("throughline-token=; ")]);
    expect(await watching.text()).toContain("data: {");
    expect([await statusFor(cookie), await statusFor(`throughline-token=${other}`)]).toEqual([401, 200]);
    expect((await console.signIn(token)).status).toBe(303);
    expect(await statusFor(cookie)).toBe(200);
    // Both are written down, without the token.
    expect(console.logged).toEqual(Array(2).fill({ by: "opa", role: "operator" }));
  });
});

type Local = Access & { readonly keyFile: string };

async function localAccess(): Promise<Local> {
  const keyFile = join(await mkdtemp(join(tmpdir(), "throughline-")), "key.json");
  return { ...openAccess({ access: { kind: "development", keyFile } }), keyFile };
}

async function openConsole(access: Access | Local) {
  const keyFile = "keyFile" in access ? access.keyFile : "";
  const parts = { addresses: [], traces: createTraces({ mostSpans: 10 }), stopping: new AbortController().signal };
  const logged: object[] = [];
  const acts = { info: (entry: object) => void logged.push(entry) };
  const router = routes({ ...parts, watch: watchServices([]), access, acts });
  router.post("/write", operatorsOnly, (_request, response) => void response.status(204).end());
  const http = await serveHttp(quiet, { routes: router });
  const ask = (path: string, init: RequestInit = {}) => fetch(http.url + path, { redirect: "manual", ...init });
  const token = (subject: string, ...roles: string[]) => issueDevelopmentToken(keyFile, { subject, roles });
  return {
    ...{ url: http.url, ask, token, logged },
    cookieOf: async (...who: Parameters<typeof token>) => `throughline-token=${await token(...who)}`,
    signIn: (signed: string, next = "/", headers: Record<string, string> = {}) =>
      ask("/sign-in", { method: "POST", headers, body: new URLSearchParams({ token: signed, next }) }),
    write: (headers: Record<string, string>) => ask("/write", { method: "POST", headers }),
    async [Symbol.asyncDispose]() {
      await http[Symbol.asyncDispose]();
      if (keyFile) await rm(join(keyFile, ".."), { recursive: true });
    },
  };
}
