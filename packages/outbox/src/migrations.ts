import { fileURLToPath } from "node:url";

/** The outbox and its relay's tables; to be applied after those of `@throughline/log`. */
export const migrations = { name: "outbox", folder: fileURLToPath(new URL("../migrations", import.meta.url)) };
