import { type HttpProblem, problem, type Service } from "@throughline/service";
import express, { type Request, type Response, Router } from "express";
import { sendPage } from "./page.ts";
import { signInPage } from "./sign-in-page.ts";
import type { EndableAccess } from "./sign-out.ts";
import { admit, cookieName, requireSameOrigin, tokenOf } from "./visitors.ts";

/** Browsers keep 4,096 characters of a cookie, with its name, and drop a longer one without a word. */
const longestToken = 4_000;
const tooLong = `It has more than ${longestToken} characters, and no browser keeps it: ask the issuer for one with fewer claims`;

/** A token becomes a cookie that no script can read and no other site can use. Who comes and goes is written down. */
export function signInRoutes(access: EndableAccess, acts: Pick<Service["acts"], "info">): Router {
  const router = Router();
  const { isRequired } = access;
  const cookie = { httpOnly: true, sameSite: "strict", secure: isRequired, path: "/" } as const;

  function sendForm(response: Response, next: string, fault?: string): void {
    sendPage(response, signInPage({ next, fault, isRequired }));
  }

  router.get("/sign-in", async (request, response) => {
    const token = tokenOf(request);
    const refused = token === undefined ? undefined : await faultOf(admit(access, token));
    // Where nobody needs a token, one that is no good would be worse than none.
    if (refused) response.clearCookie(cookieName, cookie);
    sendForm(response, placeIn(request.query.next), refused);
  });

  router.post("/sign-in", express.urlencoded({ limit: "16kb", extended: false }), async (request, response) => {
    requireSameOrigin(request);
    const { token, next } = formOf(request);
    const admitted = admit({ admit: access.signIn }, token);
    const refused = await faultOf(admitted);
    if (refused) return sendForm(response, next, refused);
    if (token.length > longestToken) return sendForm(response, next, tooLong);
    const { name: by, role } = await admitted;
    acts.info({ by, role }, "signed in to the console");
    response.cookie(cookieName, token, cookie).redirect(303, next);
  });

  router.post("/sign-out", async (request, response) => {
    requireSameOrigin(request);
    const token = tokenOf(request);
    const visitor = token === undefined ? undefined : await access.signOut(token);
    if (visitor) acts.info({ by: visitor.name, role: visitor.role }, "signed out of the console");
    response.clearCookie(cookieName, cookie).redirect(303, "/");
  });

  return router;
}

/** Why somebody is not admitted. An issuer that is away is nobody's fault. */
async function faultOf(admitted: Promise<unknown>): Promise<string | undefined> {
  try {
    await admitted;
    return undefined;
  } catch (error) {
    const { status, extra } = error as Partial<HttpProblem>;
    if (status !== 401 && status !== 403) throw error;
    return String(extra?.detail);
  }
}

function formOf({ body }: Request): { token: string; next: string } {
  const token = typeof body?.token === "string" ? body.token.replace(/\s/g, "") : "";
  if (token === "") throw problem(400, "Bad Request", { detail: "token: expected a signed token" });
  return { token, next: placeIn(body.next) };
}

/** On this console, and nowhere else. */
function placeIn(next: unknown): string {
  const here = "http://console";
  const place = typeof next === "string" && URL.canParse(next, here) ? new URL(next, here) : undefined;
  // Two slashes at the beginning lead to another host.
  return place?.origin === here && !place.pathname.startsWith("//") ? place.pathname + place.search : "/";
}
