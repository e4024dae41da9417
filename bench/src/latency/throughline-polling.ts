/** The relay alone in its process: it looks by itself, at most 100 ms apart. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startRelay } from "@throughline/outbox";
import type { Measure } from "../harness/bench.ts";
import { openServiceDatabase } from "../harness/service-database.ts";
import { sinkTransport } from "../harness/sink-transport.ts";
import { measureLatency } from "./measure-latency.ts";

const writer = fileURLToPath(new URL("writer-process.ts", import.meta.url));

export const measure: Measure = async ({ databaseUrl }) => {
  await using database = await openServiceDatabase(databaseUrl);
  const child = fork(writer, [databaseUrl]);
  await once(child, "message");
  const round = await measureLatency({
    async write(sample) {
      child.send(sample);
      await once(child, "message");
    },
    start: (take) => startRelay(database.handle, { to: [{ transport: sinkTransport(take) }] }),
  });
  child.disconnect();
  await once(child, "exit");
  return round;
};
