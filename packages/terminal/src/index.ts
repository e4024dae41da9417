export { listenForInterruption } from "./interruption.ts";
export { colors, short, table, toJson, when } from "./output.ts";
export { showProgress } from "./progress.ts";
