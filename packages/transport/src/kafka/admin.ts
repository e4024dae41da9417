import type { Admin } from "kafkajs";
import { createClient, type KafkaSettings, within } from "./client.ts";

/** One admin connection, opened by the first call and closed when idle, because a transport has no end of its own. */
export type SharedAdmin = <Result>(what: string, ask: (admin: Admin) => Promise<Result>) => Promise<Result>;

type Connection = { readonly admin: Promise<Admin>; users: number; idle?: NodeJS.Timeout };

const answerWithinMs = 10_000;
const idleMs = 2_000;

export function createSharedAdmin(settings: KafkaSettings): SharedAdmin {
  let shared: Connection | undefined;

  return async (what, ask) => {
    shared ??= { admin: connectAdmin(settings), users: 0 };
    const connection = shared;
    clearTimeout(connection.idle);
    connection.users += 1;
    try {
      return await within(answerWithinMs, what, connection.admin.then(ask));
    } catch (error) {
      // kafkajs asks for every topic it ever saw: after one was deleted, all calls of this connection fail.
      retire(connection);
      throw error;
    } finally {
      connection.users -= 1;
      if (connection.users === 0) connection.idle = setTimeout(close, shared === connection ? idleMs : 0, connection);
    }
  };

  function retire(connection: Connection): void {
    if (shared === connection) shared = undefined;
  }

  async function close(connection: Connection): Promise<void> {
    retire(connection);
    // Whoever used the connection has its answer; that it cannot be closed in good order is nobody's loss.
    await Promise.allSettled([connection.admin.then((admin) => admin.disconnect())]);
  }
}

async function connectAdmin(settings: KafkaSettings): Promise<Admin> {
  const admin = createClient(settings).admin();
  await admin.connect();
  return admin;
}
