import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Answer, Place } from "./bench.ts";

/** A contender's process, as those see it who let it measure. */
export type Contender = AsyncDisposable & { measure(place: Place): Promise<Answer> };

const program = fileURLToPath(new URL("contender-process.ts", import.meta.url));

export function startContender(bench: string, name: string): Contender {
  const child = fork(program, [bench, name], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const exited = once(child, "exit");
  return {
    async measure(place) {
      child.send(place);
      const answered = once(child, "message").then(([answer]) => answer as Answer);
      const died = exited.then(([code, signal]): Answer => ({ refused: `its process ended (${signal ?? code})` }));
      return await Promise.race([answered, died]);
    },
    async [Symbol.asyncDispose]() {
      child.kill();
      await exited;
    },
  };
}
