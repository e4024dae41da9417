import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { roadSettings } from "@throughline/contracts/topology";
import type { Reaction } from "@throughline/inbox";
import type { Database } from "@throughline/log";
import { type Config, openDatabase } from "@throughline/service";
import { openRoad, type Publisher, type Road, type Transport } from "@throughline/transport";
import type { Desk } from "./desk.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/**
 * Opens the desk of `config.service`. Rejects where its database does not answer; a broker is connected to when a letter
 * goes back there. `settings` are those of the roads. Default: as the config has them.
 */
export async function openDesk(
  config: Config,
  settings: Parameters<typeof openRoad>[1] = roadSettings(config),
): Promise<Desk & AsyncDisposable> {
  const { service } = config;
  const opened = new AsyncDisposableStack();
  const database = opened.use(await openDatabase(config)).handle;
  const transports = new Map<string, Promise<Transport>>();
  const publishers = new Map<string, Promise<Publisher>>();
  const road = (name: string) => kept(transports, name, () => openRoad(name as Road, settings));
  return {
    service,
    database,
    road,
    publisher: (name) => kept(publishers, name, async () => opened.use(await (await road(name)).connectPublisher())),
    reactionsOf: (group) => loadReactions(service, group, database),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** A service's `messages.ts` lists all that it does about messages; its work asks third parties, which nobody does here. */
async function loadReactions(
  service: string,
  group: string,
  database: Database,
): Promise<readonly Reaction[] | undefined> {
  const places = ["dist/messages.js", "src/messages.ts"].map((file) => join(root, "services", service, file));
  const place = places.find((file) => existsSync(file) && file.endsWith(import.meta.filename.slice(-3)));
  if (place === undefined) return undefined;
  const messages: Messages = await import(pathToFileURL(place).href);
  return group === service ? messages.reactions : (messages.workReactions?.(database, undefined) ?? []);
}

type Messages = {
  readonly reactions: readonly Reaction[];
  readonly workReactions?: (database: Database, provider: undefined) => readonly Reaction[];
};

async function kept<Value>(all: Map<string, Promise<Value>>, name: string, open: () => Promise<Value>): Promise<Value> {
  const known = all.get(name) ?? open();
  all.set(name, known);
  try {
    return await known;
  } catch (error) {
    all.delete(name);
    throw error;
  }
}
