import { execFileSync } from "node:child_process";
import { chownSync } from "node:fs";

/** Makes the user the owner of the paths themselves, not of what is in them. */
export function giveTo(user: string, paths: readonly string[]): void {
  const [uid, gid] = [idOf("-u", user), idOf("-g", user)];
  for (const path of paths) chownSync(path, uid, gid);
}

function idOf(which: "-u" | "-g", user: string): number {
  return Number(execFileSync("id", [which, user], { encoding: "utf8" }));
}
