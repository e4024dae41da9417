export { runCommand } from "./command.ts";
export { listenForInterruption } from "./interruption.ts";
export { colors, momentOf, reasonOf, short, table, toJson, when } from "./output.ts";
export { showProgress } from "./progress.ts";
