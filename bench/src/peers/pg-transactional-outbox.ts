import type { Message } from "@throughline/envelope";
import type pg from "pg";
import {
  type DatabasePollingSetupConfig,
  DatabaseSetup,
  getDisabledLogger,
  initializeMessageStorage,
  type PollingListenerConfig,
} from "pg-transactional-outbox";

export const logger = getDisabledLogger();
export const batchSize = 100;

/** Tuned as far as it goes: batches of 100, a poll each 10 ms, 105 connections, no bookkeeping of attempts. */
export function configOf(databaseUrl: string): PollingListenerConfig {
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
