/** A writer in another process than the relay: says when it is ready, and of each sample when it has committed. */
import type { Message } from "@throughline/envelope";
import { enqueue } from "@throughline/outbox";
import { openServiceDatabase } from "../harness/service-database.ts";

const database = await openServiceDatabase(process.argv[2] ?? "");
process.on("message", async (sample: Required<Message>) => {
  await database.handle.transaction((tx) => enqueue(tx, "order-service", [sample]));
  process.send?.("committed");
});
process.once("disconnect", () => database[Symbol.asyncDispose]());
process.send?.("ready");
