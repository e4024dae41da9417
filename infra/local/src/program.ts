import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** The path of a program that this machine has; undefined where it lacks it. */
export function findProgram(name: string): string | undefined {
  // Debian puts daemons where an ordinary user's PATH does not look.
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin"];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // Not being there is the answer.
  }
}
