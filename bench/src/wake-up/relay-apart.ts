import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const file = fileURLToPath(new URL("relay-process.ts", import.meta.url));

/** Starts a relay in a process of its own; both end together. */
export async function startRelayApart(databaseUrl: string): Promise<AsyncDisposable> {
  const child = fork(file, [databaseUrl]);
  await once(child, "message");
  return {
    async [Symbol.asyncDispose]() {
      const gone = once(child, "exit");
      child.disconnect();
      await gone;
    },
  };
}
