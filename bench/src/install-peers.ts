import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("..", import.meta.url));

/** Installs what is compared with, at the first run: a clone is not to have it before somebody wants to measure. */
export function installPeers(): void {
  if (existsSync(new URL("../node_modules", import.meta.url))) return;
  console.error("Installing what is compared with, once, into bench/node_modules …");
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: folder, stdio: ["ignore", 2, 2] });
  if (status !== 0) throw new Error("The peers could not be installed: see above");
}
