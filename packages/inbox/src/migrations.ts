import { fileURLToPath } from "node:url";

/** What was handled, and which keys wait behind a dead message. */
export const migrations = { name: "inbox", folder: fileURLToPath(new URL("../migrations", import.meta.url)) };
