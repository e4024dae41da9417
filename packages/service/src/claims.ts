import { type ClaimStore, migrations, postgresClaims, provideClaims } from "@throughline/claims";
import type { Config } from "./config.ts";
import { openDatabase } from "./database.ts";
import { createLogger } from "./logger.ts";
import { migrate } from "./migrate.ts";

type ClaimsConfig = Pick<Config, "service" | "logLevel" | "handlerTimeoutMs" | "claims">;

/** As long as the longest topic keeps a message that refers to a body. */
const keptDays = 90;
const dayMs = 86_400_000;
/** Few are at a body at the same time. */
const connections = 4;

/**
 * Opens the place that CLAIMS_URL names, and gives it to the outbox, the inbox and the dead letters of this process:
 * bodies too big to travel go there. Removes, now and once a day, those that no message can ask for any more. Does nothing
 * where the setting is absent.
 */
export async function openClaims(config: ClaimsConfig): Promise<AsyncDisposable> {
  await using opening = new AsyncDisposableStack();
  if (config.claims === undefined) return opening.move();
  const store = await openStore(config, config.claims, opening);
  await removeOld(store);
  const log = createLogger(config);
  let removing = Promise.resolve();
  const timer = setInterval(() => {
    removing = removeOld(store).catch((err) => log.warn({ err }, "old bodies will be removed tomorrow"));
  }, dayMs);
  timer.unref();
  opening.defer(() => removing);
  opening.defer(() => clearInterval(timer));
  opening.use(provideClaims(store));
  return opening.move();
}

async function openStore(
  config: ClaimsConfig,
  claims: NonNullable<Config["claims"]>,
  opening: AsyncDisposableStack,
): Promise<ClaimStore> {
  if (claims.url.startsWith("s3:")) {
    const { s3Claims } = await import("@throughline/claims/s3");
    return opening.use(s3Claims(claims));
  }
  const database = opening.use(
    await openDatabase({ ...config, databaseUrl: claims.url, databasePoolSize: connections }),
  );
  await migrate(database, [migrations]);
  return postgresClaims(database.handle);
}

function removeOld(store: ClaimStore): Promise<void> {
  return store.removeBefore(new Date(Date.now() - keptDays * dayMs).toISOString().slice(0, 10));
}
