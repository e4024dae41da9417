import { fileURLToPath } from "node:url";

export const migrations = {
  name: "event-store",
  folder: fileURLToPath(new URL("../migrations", import.meta.url)),
} as const;
