import type { Replay } from "@throughline/outbox/operation";

/** A replay that this console has begun. */
export type Running = {
  readonly service: string;
  readonly destination: string;
  readonly messages: number;
  readonly by: string;
  readonly replay: Replay;
};

/** Those begun since the console started, to look at: the relays need no console to go on. */
export function createReplays({ most }: { readonly most: number }) {
  const all = new Map<string, Running>();
  let last = 0;
  return {
    /** Answers its number. */
    add(running: Running): string {
      last += 1;
      all.set(String(last), running);
      all.delete(String(last - most));
      return String(last);
    },
    of: (number: string): Running | undefined => all.get(number),
  };
}
