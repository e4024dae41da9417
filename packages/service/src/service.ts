import { carryBaggage } from "@throughline/envelope";
import type { Logger } from "pino";
import type { Config } from "./config.ts";
import { crashAt } from "./crash-point.ts";
import { actsOf, createLogger } from "./logger.ts";
import { closePart, closingParts } from "./parts.ts";
import { checkTelemetry } from "./telemetry-check.ts";
import { endTelemetry } from "./telemetry-end.ts";

export type Service = AsyncDisposable & {
  readonly log: Logger;
  /** For what people do, which is written whatever LOG_LEVEL is. */
  readonly acts: Logger;
  /** Resolves when the process is asked to end: SIGTERM, SIGINT or `stop`. */
  readonly stopped: Promise<void>;
  /** Asks this process to end, as SIGTERM does. */
  stop(reason: string): void;
  /** Names what is opened, so that a shutdown that hangs can say where: `await service.part("relay", startRelay(…))`. */
  part<Part extends AsyncDisposable>(name: string, opening: Promise<Part>): Promise<Part>;
};

/**
 * The life of a process. After `stopped`, everything opened with `await using` closes in reverse, and the process exits
 * with 0; where that takes longer than SHUTDOWN_GRACE_MS, it exits with 1 and says what hangs. A second signal ends it at
 * once. An error that nobody caught ends it with 1: the supervisor starts it again, and what it was doing is redelivered.
 */
export async function startService(config: Config): Promise<Service> {
  checkTelemetry();
  const log = createLogger(config);
  const { promise: stopped, resolve } = Promise.withResolvers<void>();
  let stopping = false;

  const carrying = carryBaggage(config.baggageKeys);
  if (config.crashAt) crashAt(config.crashAt.point, config.crashAt.pass);

  function stop(reason: string): void {
    if (stopping) return;
    stopping = true;
    log.info({ reason, graceMs: config.shutdownGraceMs }, "stopping");
    setTimeout(giveUp, config.shutdownGraceMs).unref();
    resolve();
  }
  function giveUp(): void {
    const resources = [...new Set(process.getActiveResourcesInfo())];
    log.fatal({ closing: closingParts(), resources }, "still not stopped when the grace time was over");
    process.exit(1);
  }
  function onSignal(signal: NodeJS.Signals): void {
    if (stopping) {
      log.warn({ signal, closing: closingParts() }, "ended at once by a second signal");
      process.exit(signal === "SIGINT" ? 130 : 143);
    }
    stop(signal);
  }
  function onError(error: unknown): void {
    log.fatal({ err: error }, "ended by an error that nobody caught");
    process.exit(1);
  }

  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  process.on("uncaughtException", onError).on("unhandledRejection", onError);
  const { namespace, publishTo, consumeFrom, workOn } = config;
  log.info({ node: process.version, namespace, publishTo, consumeFrom, workOn }, "starting");

  return {
    log,
    acts: actsOf(log),
    stopped,
    stop,
    async part(name, opening) {
      const part = await opening;
      const close = part[Symbol.asyncDispose].bind(part);
      return Object.assign(part, { [Symbol.asyncDispose]: () => closePart(name, close) });
    },
    // Whoever hears errors stays: one that ended the main file comes when everything has been disposed.
    async [Symbol.asyncDispose]() {
      await endTelemetry();
      process.off("SIGTERM", onSignal).off("SIGINT", onSignal);
      carrying[Symbol.dispose]();
      log.info("stopped");
    },
  };
}
