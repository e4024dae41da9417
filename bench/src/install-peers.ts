import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

type Manifest = { readonly version: string; readonly dependencies?: Readonly<Record<string, string>> };

/** Installs what is compared with, at the first run: a clone is not to have it before somebody wants to measure. */
export function installPeers(): void {
  const { dependencies = {} } = readManifest("../package.json") ?? {};
  const isHere = ([name, version]: [string, string]) =>
    readManifest(`../node_modules/${name}/package.json`)?.version === version;
  if (Object.entries(dependencies).every(isHere)) return;
  console.error("Installing what is compared with, once, into bench/node_modules …");
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd, stdio: ["ignore", 2, 2] });
  if (status !== 0) throw new Error("The peers could not be installed: see above");
}

function readManifest(path: string): Partial<Manifest> | undefined {
  const url = new URL(path, import.meta.url);
  return existsSync(url) ? (JSON.parse(readFileSync(url, "utf8")) as Manifest) : undefined;
}
