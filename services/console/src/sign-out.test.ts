import { openAccess } from "@throughline/service";
import { openIssuer } from "@throughline/service/testing";
import { expect, test } from "vitest";
import { endable } from "./sign-out.ts";

test("nobody signs out with a token whose signature they do not have", async () => {
  await using issuer = await openIssuer();
  const access = endable(openAccess(issuer));
  const token = await issuer.sign();
  await access.signOut(forgedOf(token));
  expect(await access.admit(token)).toMatchObject({ name: "ann" });
});

test("a sign-in that fails does not make a token good again that was signed out, and one that succeeds does", async () => {
  await using issuer = await openIssuer();
  const access = endable(openAccess(issuer));
  const token = await issuer.sign();
  await access.signOut(token);
  await expect(access.signIn(forgedOf(token))).rejects.toMatchObject({ status: 401 });
  await expect(access.admit(token)).rejects.toMatchObject({ status: 401 });
  await access.signIn(token);
  expect(await access.admit(token)).toMatchObject({ name: "ann" });
});

test("signing out succeeds while the issuer is away", async () => {
  await using issuer = await openIssuer();
  const access = endable(openAccess(issuer));
  issuer.setBroken(true);
  await access.signOut(await issuer.sign());
});

/** The same token, signed with something else. */
function forgedOf(token: string): string {
  return `${token.slice(0, token.lastIndexOf("."))}.${btoa("x".repeat(64)).replace(/=+$/, "")}`;
}
