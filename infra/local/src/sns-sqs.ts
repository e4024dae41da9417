import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Broker } from "./broker.ts";
import { startChild } from "./child.ts";
import type { PostgresOptions } from "./postgres.ts";

/** SNS and SQS, emulated; without `fsync` in memory, so that what is queued is gone when it stops. */
export async function startSnsSqs({ port, dataDir, log, fsync = true }: PostgresOptions): Promise<Broker> {
  const emulator = await startChild(
    {
      name: "SNS and SQS",
      command: process.execPath,
      args: [fileURLToPath(new URL("../../aws/src/main.ts", import.meta.url))],
      env: { PORT: `${port}`, HOST: "127.0.0.1", DATA_DIR: fsync ? join(dataDir, "data") : "" },
      ports: [port],
      ready: /are ready on/,
    },
    { dataDir, log },
  );
  return { ...emulator, url: `http://127.0.0.1:${port}` };
}
