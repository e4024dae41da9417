import { type Access, bearerOf, problem, type Visitor } from "@throughline/service";
import type { NextFunction, Request, RequestHandler, Response } from "express";

/** Holds the token of a person who has signed in. */
export const cookieName = "throughline-token";

/** Lets viewers and operators in, and in development everybody. A person without a token is sent to sign in. */
export function admitViewers(access: Access, stopping: AbortSignal): RequestHandler {
  return async (request, response, next) => {
    const admitAgain = async () => {
      response.locals.visitor = await admit(access, tokenOf(request));
    };
    Object.assign(response.locals, { stopping, admitAgain });
    try {
      await admitAgain();
    } catch (error) {
      if (!isPerson(request) || request.method !== "GET") throw error;
      return response.redirect(303, `/sign-in?${new URLSearchParams({ next: request.originalUrl })}`);
    }
    next();
  };
}

/** Throws a problem where the token is not good, or that of a customer. */
export async function admit(access: Pick<Access, "admit">, token: string | undefined): Promise<Visitor> {
  const visitor = await access.admit(token);
  if (visitor.role === "customer") throw needs("viewer", visitor);
  return visitor;
}

/** What a program sends in Authorization, and a browser in the cookie. */
export function tokenOf(request: Request): string | undefined {
  return bearerOf(request) ?? tokenIn(request.get("cookie"));
}

/** Who asked for this; undefined before `admitViewers`. */
export function visitorOf(response: Response): Visitor | undefined {
  return response.locals.visitor as Visitor | undefined;
}

export type Watching = {
  /** Aborts when the console stops. */
  readonly stopping: AbortSignal;
  /** Throws a problem where the token has become no good. */
  readonly admitAgain: () => Promise<void>;
};

/** For an answer that goes on: until when. */
export function watchingOf(response: Response): Watching {
  return response.locals as Watching;
}

export function isOperator(response: Response): boolean {
  return visitorOf(response)?.role === "operator";
}

/** In front of whatever changes something: operators alone, and no other site in their name. */
export function operatorsOnly(request: Request, response: Response, next: NextFunction): void {
  requireSameOrigin(request);
  if (!isOperator(response)) throw needs("operator", visitorOf(response));
  next();
}

/** A browser says which site a request comes from. Whoever does not say is no browser, and has nobody else's cookie. */
export function requireSameOrigin(request: Request): void {
  const [site, origin] = [request.get("sec-fetch-site"), request.get("origin")];
  const isOwn =
    site === undefined ? origin === undefined || hostOf(origin) === request.get("host") : site === "same-origin";
  if (!isOwn) throw problem(403, "Forbidden", { detail: "This came from a page of another site" });
}

/** A browser's navigation, as against the call of a program. */
export function isPerson(request: Request): boolean {
  return request.get("accept")?.includes("text/html") === true;
}

function needs(role: "viewer" | "operator", visitor?: Visitor) {
  const isKnown = visitor !== undefined && visitor.role !== "anonymous";
  const who = isKnown ? `${visitor.name} is a ${visitor.role}` : "You have not signed in";
  return problem(403, "Forbidden", { detail: `${who}, and this needs the role ${role}` });
}

function tokenIn(cookies = ""): string | undefined {
  const pairs = cookies.split(";").map((pair) => pair.trim().split("="));
  return pairs.find(([name]) => name === cookieName)?.[1] || undefined;
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
