export { readBroker } from "./broker-facts.ts";
export type { Check, Part, Scene } from "./check.ts";
export { checks } from "./checks.ts";
export { readDatabase } from "./database-facts.ts";
export { examine, examineAtStart, type Finding } from "./examine.ts";
export { type Inbox, readMessages } from "./message-facts.ts";
