import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { colors, listenForInterruption } from "@throughline/terminal";
import { board } from "./board.ts";
import { missing, startBrokers } from "./brokers.ts";
import { developmentKeyFile, issueToken, signInLink } from "./development-token.ts";
import { forgetPid, isRunning, recordPid } from "./leftover.ts";
import { basePort, dataDir } from "./place.ts";
import { placeSamples } from "./samples.ts";
import { serveSwitches } from "./serve-switches.ts";
import { startServices } from "./services.ts";
import { whenOrphaned } from "./when-orphaned.ts";

/** `npm start`: everything that this machine can run, as real processes, until Ctrl-C. */
const pidFile = join(dataDir, "pid");
const startedAt = performance.now();
const stopping = AbortSignal.any([listenForInterruption(), whenOrphaned()]);

try {
  await run();
} catch (error) {
  log(colors.red(error instanceof Error ? error.message : String(error)));
  process.exitCode = 1;
}

async function run(): Promise<void> {
  const other = isRunning(pidFile);
  if (other !== undefined) {
    throw new Error(`It runs already, as process ${other}: see http://127.0.0.1:${basePort}, or end it with Ctrl-C.`);
  }
  mkdirSync(dataDir, { recursive: true });
  recordPid(pidFile, process.pid);
  try {
    for (const reason of Object.values(missing)) log(`${reason}, which this machine lacks: its roads run on SNS→SQS.`);
    log("Starting the brokers …");
    await using brokers = await startBrokers({ basePort, dataDir: join(dataDir, "brokers"), log });
    if (stopping.aborted) return;
    await using switchboard = await serveSwitches(basePort + 59, brokers.switches, log);
    log("Starting the services …");
    const namespace = process.env.NAMESPACE || "dev";
    const { signIn, env } = await prepareAccess();
    await using services = await startServices({
      ...{ brokers: brokers.addresses, namespace, basePort, dataDir: join(dataDir, "services"), log },
      env: { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${basePort + 50}` },
      envOf: {
        console: {
          OTLP_PORT: String(basePort + 50),
          OTEL_EXPORTER_OTLP_ENDPOINT: "",
          SWITCHBOARD_URL: switchboard.url,
          TRY_IT: "true",
        },
      },
    });
    if (stopping.aborted) return;
    const seconds = (performance.now() - startedAt) / 1000;
    console.log(board(brokers.addresses, services.url, { seconds, dataDir, signIn }));
    if (signIn) await placeSamples(services.url, log);
    else log("No sample orders are placed: they would need a token of OIDC_ISSUER.");
    if (!stopping.aborted) await once(stopping, "abort");
    log("Stopping …");
  } finally {
    forgetPid(pidFile);
  }
}

/** An issuer that the environment names is everybody's; else there is one of this machine. */
async function prepareAccess(): Promise<{ readonly signIn?: string; readonly env: Record<string, string> }> {
  if (process.env.OIDC_ISSUER) return { env: {} };
  return { signIn: signInLink(await issueToken("operator")), env: { DEVELOPMENT_KEY_FILE: developmentKeyFile } };
}

function log(sentence: string): void {
  console.log(`${colors.dim(new Date().toTimeString().slice(0, 8))}  ${sentence}`);
}
