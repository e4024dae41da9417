/** Why a message was set aside, as it stands beside the dead letter. */
export type Reason = {
  readonly name: string;
  readonly message: string;
  /** With the stacks of the causes. */
  readonly stack: string;
};

/** Cut to 255, 1,024 and 4,096 bytes, in ASCII without control characters: brokers refuse other headers. */
export function reasonOf(error: Error): Reason {
  return { name: ascii(error.name, 255), message: ascii(error.message, 1_024), stack: ascii(stacksOf(error), 4_096) };
}

/** JavaScript throws anything; from here on it is an `Error`. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
}

function stacksOf(error: Error, seen = new Set<Error>()): string {
  seen.add(error);
  const stack = error.stack ?? String(error);
  const { cause } = error;
  return cause instanceof Error && !seen.has(cause) ? `${stack}\nCaused by: ${stacksOf(cause, seen)}` : stack;
}

function ascii(text: string, length: number): string {
  return text
    .slice(0, length)
    .replace(/[^\t\n\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .slice(0, length);
}
