import { existsSync, globSync, rmSync } from "node:fs";
import { join } from "node:path";
import { endLeftover, isRunning } from "./leftover.ts";
import { dataDir } from "./place.ts";

/** `npm run reset`: forgets the data of `npm start`. The broker's programs, once fetched, stay. */
const running = isRunning(join(dataDir, "pid"));

if (running !== undefined) {
  console.error(`npm start is running as process ${running}. End it with Ctrl-C first, then reset.`);
  process.exitCode = 1;
} else if (existsSync(dataDir)) {
  // What outlives a start that was killed still writes there.
  for (const file of globSync("**/pid", { cwd: dataDir })) await endLeftover(join(dataDir, file));
  rmSync(dataDir, { recursive: true, maxRetries: 5 });
  console.log("The data of npm start is forgotten.");
} else {
  console.log("There is no data to forget.");
}
