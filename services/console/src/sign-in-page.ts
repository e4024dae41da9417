import { html } from "./html.ts";
import type { Page } from "./page.ts";

export type SignIn = {
  /** Where to go afterwards, on this console. */
  readonly next: string;
  /** What was wrong with the token that came. */
  readonly fault?: string | undefined;
  /** Whether tokens come from an issuer, or from this machine. */
  readonly isRequired: boolean;
};

/** Takes a token: pasted, or, in development, from behind the # of the link that the start printed. */
export function signInPage({ next, fault, isRequired }: SignIn): Page {
  const source = isRequired
    ? html`<p>Paste a token of your issuer. Its <code>roles</code> must have <code>viewer</code> to look, and
      <code>operator</code> to act.</p>`
    : html`<p><code>npm start</code> printed a link to here, and <code>npm run token</code> prints another. Without a token
      you can look at everything, and change nothing.</p>`;
  return {
    title: "Sign in",
    status: fault === undefined ? 200 : 401,
    scripts: isRequired ? [] : ["/sign-in.js"],
    body: html`${fault === undefined ? undefined : html`<p class="bad" role="alert">${fault}</p>`}
    ${source}
    <form method="post" action="/sign-in" class="stack">
      <input type="hidden" name="next" value="${next}">
      <label>Token <textarea name="token" required rows="5" cols="60" spellcheck="false" autocomplete="off"></textarea></label>
      <button type="submit">Sign in</button>
    </form>`,
  };
}
