import { fileURLToPath } from "node:url";

/** `processed_messages`, and the function that makes and drops its partitions. */
export const migrations = { name: "inbox", folder: fileURLToPath(new URL("../migrations", import.meta.url)) };
