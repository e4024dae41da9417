import { findProgram } from "./program.ts";

/** The browser that looks at the console's pages in tests; undefined where this machine has none. */
export const chromium = findProgram("chromium");
