import { within } from "./errors.ts";
import type { Admin } from "./library.ts";

/** One connection, opened by the first call and closed when idle, because a transport has no end of its own. */
export type Shared<Client> = <Result>(what: string, ask: (client: Client) => Promise<Result>) => Promise<Result>;

export type SharedAdmin = Shared<Admin>;

type Connection<Client> = { readonly client: Promise<Client>; users: number; idle?: NodeJS.Timeout };

const answerWithinMs = 10_000;
const idleMs = 2_000;

/** What `connect` gives is not used again after a call that failed: kafkajs fails for ever once a topic was deleted. */
export function share<Client extends { close(): Promise<void> }>(connect: () => Promise<Client>): Shared<Client> {
  let shared: Connection<Client> | undefined;

  return async (what, ask) => {
    shared ??= { client: connect(), users: 0 };
    const connection = shared;
    clearTimeout(connection.idle);
    connection.users += 1;
    try {
      return await within(answerWithinMs, what, connection.client.then(ask));
    } catch (error) {
      retire(connection);
      throw error;
    } finally {
      connection.users -= 1;
      if (connection.users === 0) connection.idle = setTimeout(close, shared === connection ? idleMs : 0, connection);
    }
  };

  function retire(connection: Connection<Client>): void {
    if (shared === connection) shared = undefined;
  }

  async function close(connection: Connection<Client>): Promise<void> {
    retire(connection);
    // Whoever used the connection has its answer; that it cannot be closed in good order is nobody's loss.
    await Promise.allSettled([connection.client.then((client) => client.close())]);
  }
}
