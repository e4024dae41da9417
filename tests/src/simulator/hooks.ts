/**
 * Puts stand-ins between the packages and the machine: timers, random ids, the client library of Kafka, and events, which are per process.
 * With a change, breaks one place of a source as it is loaded. To be called before anything of ours is imported.
 */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

/** One place of a source, and what is to stand there instead. */
export type Change = { readonly file: string; readonly find: string; readonly put: string };

const root = new URL("../../../", import.meta.url).href;
const standIns: Readonly<Record<string, string>> = {
  "node:timers/promises": new URL("timers-promises.ts", import.meta.url).href,
  "node:crypto": new URL("crypto.ts", import.meta.url).href,
  "./kafkajs.ts": new URL("kafka/library.ts", import.meta.url).href,
  "node:events": new URL("events.ts", import.meta.url).href,
};

export function installStandIns(change?: Change): void {
  registerHooks({
    resolve(specifier, context, next) {
      const url = standIns[specifier];
      if (url === undefined || context.parentURL?.startsWith(`${root}packages/`) !== true)
        return next(specifier, context);
      return { url, format: "module-typescript", shortCircuit: true };
    },
    load(url, context, next) {
      if (change === undefined || url !== `${root}${change.file}`) return next(url, context);
      return { format: "module-typescript", source: changed(fileURLToPath(url), change), shortCircuit: true };
    },
  });
}

function changed(path: string, { file, find, put }: Change): string {
  const parts = readFileSync(path, "utf8").split(find);
  if (parts.length === 2) return parts.join(put);
  throw new Error(`${file} has ${parts.length - 1} places of: ${find}. Write the mutant anew, in mutants.ts.`);
}
