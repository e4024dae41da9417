import { fileURLToPath } from "node:url";

/** For the database that all services share for this and nothing else. */
export const migrations = { name: "claims", folder: fileURLToPath(new URL("../migrations", import.meta.url)) };
