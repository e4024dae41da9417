import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type ConsumerOptions, on, startConsumer } from "@throughline/inbox";
import { type Consume, group, types, writeEffect } from "./measure-inbox.ts";

/** A consumer as a service starts it, with one reaction. */
export function consumer(options: Pick<ConsumerOptions, "concurrency" | "batchSize" | "keysSideBySide">): Consume {
  return async (database, transport, done) => {
    const [type = ""] = types;
    const contract = { type, version: "1", read: <Envelope>(envelope: Envelope) => envelope };
    const reaction = on(contract, ({ id, data }, tx) => writeEffect(tx, id, data));
    const committed = "throughline:inbox.after_commit";
    subscribe(committed, done);
    const started = await startConsumer(database.handle, group, [reaction], { ...options, from: [transport] });
    return {
      async [Symbol.asyncDispose]() {
        await started[Symbol.asyncDispose]();
        unsubscribe(committed, done);
      },
    };
  };
}
