/** A relay in another process than the writers, which nobody can wake: it looks by itself. */
import { startRelay } from "@throughline/outbox";
import { openServiceDatabase } from "../harness/service-database.ts";
import { sinkTransport } from "../harness/sink-transport.ts";

const database = await openServiceDatabase(process.argv[2] ?? "");
const relay = await startRelay(database.handle, { to: [{ transport: sinkTransport(() => {}) }] });
process.once("disconnect", async () => {
  await relay[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});
process.send?.("ready");
