export type { Alerts } from "./alerts.ts";
export { type DeadLetterOptions, type DeadLetters, type DrainedGroup, startDeadLetters } from "./drain.ts";
export { migrations } from "./migrations.ts";
export type { OpenLetters } from "./status.ts";
