import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { Fleet } from "./fleet.ts";

type Service = keyof Fleet["databases"];

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** `npm run dead-letters -- …` as in the container of a service: in its folder, and with its environment. */
export function startDeadLetters(fleet: Fleet, args: readonly string[], service: Service = "billing") {
  return spawn(process.execPath, [`${root}/packages/dead-letters/src/main.ts`, ...args], {
    cwd: `${root}/services/${service}`,
    env: { PATH: process.env.PATH, ...fleet.envOf(service) },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** The same, to its end. */
export async function runDeadLetters(fleet: Fleet, args: readonly string[], service?: Service) {
  const child = startDeadLetters(fleet, args, service);
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code: child.exitCode, out, err };
}
