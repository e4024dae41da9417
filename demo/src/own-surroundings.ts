import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { missing, startBrokers } from "@throughline/local/brokers";
import { freeBasePort } from "@throughline/local/ports";
import { startServices } from "@throughline/local/services";
import { serviceNames } from "./flow.ts";
import { type Surroundings, standardBasePort, surroundingsAt } from "./surroundings.ts";

export type OwnOptions = {
  /** Told, in a sentence, what a person should know. */
  readonly log: (sentence: string) => void;
  readonly signal: AbortSignal;
};

const namespace = "demo";

/** Everything, on ports that are free and with data that is gone afterwards: no process and no file is left. */
export async function startOwn({ log, signal }: OwnOptions): Promise<Surroundings & AsyncDisposable> {
  if (await isUp(`http://127.0.0.1:${standardBasePort + 1}/livez`)) {
    log("Throughline is up on its standard ports. This run starts its own beside it; --running would use that one.");
  }
  for (const reason of Object.values(missing)) log(`${reason}, which this machine lacks: its roads run on SNS→SQS.`);
  await using starting = new AsyncDisposableStack();
  const dataDir = mkdtempSync(join(tmpdir(), "throughline-demo-"));
  starting.defer(() => rmSync(dataDir, { recursive: true, force: true }));
  const basePort = await freeBasePort();

  log("Starting the brokers …");
  const brokers = starting.use(await startBrokers({ basePort, dataDir: join(dataDir, "brokers"), log }));
  signal.throwIfAborted();
  log("Starting the services …");
  const place = { namespace, basePort, dataDir: join(dataDir, "services"), log };
  starting.use(
    await startServices({ ...place, brokers: brokers.addresses, only: [...serviceNames, "payment-provider"] }),
  );
  signal.throwIfAborted();

  const started = starting.move();
  return { ...surroundingsAt(basePort, namespace), [Symbol.asyncDispose]: () => started.disposeAsync() };
}

async function isUp(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false; // Nobody listens there, and that is the answer.
  }
}
