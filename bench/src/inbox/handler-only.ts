/** The transport's own handler, one message and one transaction after the other: a message that comes again counts twice. */
import type { Measure } from "../harness/bench.ts";
import { group, measureInbox, types, writeEffect } from "./measure-inbox.ts";

export const measure: Measure = ({ databaseUrl }) =>
  measureInbox(databaseUrl, 1_500, async (database, transport, done) => {
    const subscriber = await transport.connectSubscriber();
    await subscriber.subscribe({
      group,
      types,
      concurrency: 1,
      async handler({ id, data }) {
        await database.handle.transaction((tx) => writeEffect(tx, id, data));
        done();
      },
    });
    return subscriber;
  });
