import { fileURLToPath } from "node:url";
import type { Broker, BrokerOptions } from "./broker.ts";
import { startChild } from "./child.ts";

/** SNS and SQS, emulated in memory: what is queued is gone when it stops. */
export async function startSnsSqs({ port, dataDir, log }: BrokerOptions): Promise<Broker> {
  const emulator = await startChild(
    {
      name: "SNS and SQS",
      command: process.execPath,
      args: [fileURLToPath(new URL("../../aws/src/main.ts", import.meta.url))],
      env: { PORT: `${port}`, HOST: "127.0.0.1" },
      ports: [port],
      ready: /are ready on/,
    },
    { dataDir, log },
  );
  return { ...emulator, url: `http://127.0.0.1:${port}` };
}
