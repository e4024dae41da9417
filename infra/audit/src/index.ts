export { audit, type Found, type Report } from "./audit.ts";
export type { Address } from "./databases.ts";
export { type Kind, kinds, type Verdict } from "./finding.ts";
export { type Period, periodOf } from "./period.ts";
