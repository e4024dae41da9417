/** What goes by one of these names is shown to nobody. */
export const secretNames: readonly string[] = ["authorization", "cookie", "password", "secret", "token"];

export const hidden = "[redacted]";

// The scheme is bounded, so that a long text without one is passed over in one go.
const urlPassword = /([a-z][a-z0-9+.-]{0,30}:\/\/[^\s:/@"]*:)[^\s/@"]+@/gi;

const bearer = /\b(bearer +)[\w.~+/=-]{8,}/gi;

/** The same text, in which the addresses have no password, and nobody is named by a token. */
export function withoutPasswords(text: string): string {
  return text.replace(urlPassword, `$1${hidden}@`).replace(bearer, `$1${hidden}`);
}

/** For `JSON.stringify`: the same value, unless its name is that of a secret. */
export function withoutSecret(name: string, value: unknown): unknown {
  return secretNames.includes(name.toLowerCase()) ? hidden : value;
}
