import type { Message } from "@throughline/envelope";
import type pg from "pg";
import {
  type DatabasePollingSetupConfig,
  DatabaseSetup,
  getDisabledLogger,
  initializeMessageStorage,
  initializePollingMessageListener,
  type PollingListenerConfig,
} from "pg-transactional-outbox";

const logger = getDisabledLogger();
const batchSize = 100;

/** Tuned as far as it goes: batches of 100, a poll each 10 ms, 105 connections, no bookkeeping of attempts. */
function configOf(databaseUrl: string): PollingListenerConfig {
  return {
    outboxOrInbox: "outbox",
    dbListenerConfig: { connectionString: databaseUrl, ...{ max: 105 } },
    settings: {
      dbSchema: "public",
      dbTable: "outbox",
      nextMessagesFunctionName: "next_outbox_messages",
      nextMessagesBatchSize: batchSize,
      nextMessagesPollingIntervalInMs: 10,
      enableMaxAttemptsProtection: false,
      enablePoisonousMessageProtection: false,
    },
  };
}

export async function createTables(pool: pg.Pool): Promise<void> {
  const setup: DatabasePollingSetupConfig = {
    outboxOrInbox: "outbox",
    database: "bench",
    schema: "public",
    table: "outbox",
    listenerRole: "throughline",
    nextMessagesName: "next_outbox_messages",
  };
  await pool.query(DatabaseSetup.dropAndCreateTable(setup));
  await pool.query(DatabaseSetup.createPollingFunction(setup));
  await pool.query(DatabaseSetup.setupPollingIndexes(setup));
}

/** Stores messages that may be published in parallel, which is what it does fastest. */
export function storage(databaseUrl: string): (message: Required<Message>, client: pg.PoolClient) => Promise<void> {
  const store = initializeMessageStorage(configOf(databaseUrl), logger);
  return ({ id, key, type, data }, client) => {
    const message = { id, aggregateType: "order", aggregateId: key, messageType: type, payload: data, segment: key };
    return store({ ...message, concurrency: "parallel" }, client);
  };
}

/** Hands over the ids of what is stored, until disposed. */
export function listen(databaseUrl: string, take: (id: string) => void): AsyncDisposable {
  const handler = { handle: async ({ id }: { readonly id: string }) => take(id) };
  const [shutdown] = initializePollingMessageListener(configOf(databaseUrl), handler, logger, {
    // Its default begins with a hundred batches of one.
    batchSizeStrategy: () => Promise.resolve(batchSize),
  });
  return { [Symbol.asyncDispose]: shutdown };
}
