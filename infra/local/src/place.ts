import { fileURLToPath } from "node:url";

/** Where `npm start` keeps its data and listens. Both may be moved, so that a second one runs beside the first. */
export const dataDir =
  process.env.THROUGHLINE_DATA_DIR ?? fileURLToPath(new URL("../../../.local/start", import.meta.url));

/** The console's port; all others are above it, at the documented distances. */
export const basePort = Number(process.env.THROUGHLINE_BASE_PORT ?? 14_000);
