import { fileURLToPath } from "node:url";

/** The letters, what was done about them, and who was told. They go after those of `inbox`. */
export const migrations = { name: "dead-letters", folder: fileURLToPath(new URL("../migrations", import.meta.url)) };
