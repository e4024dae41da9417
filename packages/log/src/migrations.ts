import { fileURLToPath } from "node:url";

/** `log_pin`, `log_limit` and `log_cursors`; to be applied before those of any package that keeps a log. */
export const migrations = { name: "log", folder: fileURLToPath(new URL("../migrations", import.meta.url)) };
