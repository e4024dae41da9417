import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { basePort, dataDir } from "./place.ts";

/** Where the services of `npm start` find the key of this machine's development issuer. */
export const developmentKeyFile = join(dataDir, "development-key.json");

const program = fileURLToPath(new URL("../../../packages/service/src/token.ts", import.meta.url));

/** A token for `operator`, `viewer` or the customer of that id, good for 12 hours with what `npm start` runs. */
export async function issueToken(who: string): Promise<string> {
  const env = { ...process.env, DEVELOPMENT_KEY_FILE: developmentKeyFile };
  const { stdout } = await promisify(execFile)(process.execPath, [program, who], { env });
  return stdout.trim();
}

/** The token is behind a #, which no browser sends and no server logs. */
export function signInLink(token: string): string {
  return `http://127.0.0.1:${basePort}/sign-in#${token}`;
}
