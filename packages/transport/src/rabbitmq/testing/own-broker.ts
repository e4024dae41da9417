import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { missing, startRabbitmq } from "@throughline/local/brokers";
import { freeBasePort } from "@throughline/local/ports";
import { isExcused } from "./under-test.ts";

export const cannotStart: boolean = isExcused || missing.rabbitmq !== undefined;

export type OwnBroker = AsyncDisposable & {
  readonly url: string;
  control(...args: string[]): Promise<string>;
  /** Ends it as a power cut would, and starts it again with its data. */
  killAndStart(): Promise<void>;
};

/** A RabbitMQ that no other test uses, so that this one may do anything to it. */
export async function startOwnBroker(certificates?: Certificates): Promise<OwnBroker> {
  await using opening = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "throughline-"));
  opening.defer(() => rmSync(folder, { recursive: true }));
  const options = { port: (await freeBasePort()) + 20, dataDir: folder, log: () => undefined };
  const tls = certificates && {
    ca: certificates.file("ca.pem"),
    cert: certificates.file("node.pem"),
    key: certificates.file("node.key"),
  };
  const start = () => startRabbitmq(tls ? { ...options, tls } : options);
  let broker = await start();
  opening.defer(() => broker[Symbol.asyncDispose]());
  const opened = opening.move();
  return {
    url: broker.url,
    control: (...args) => broker.control(...args),
    async killAndStart() {
      // 3.10 writes the names of its quorum queues half a second late, and for good cannot find one that it was killed before.
      await broker.control("eval", "[dets:sync(Table) || Table <- dets:all()].");
      process.kill(broker.pid, "SIGKILL");
      await broker[Symbol.asyncDispose]();
      broker = await start();
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Of an authority made for this run, and of a node and a client that it vouches for. */
export type Certificates = Disposable & { file(name: string): string; text(name: string): string };

export function createCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "throughline-tls-"));
  const file = (name: string) => join(folder, name);
  const create = (name: string, ...more: string[]) => {
    const newKey = [
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-keyout",
      file(`${name}.key`),
    ];
    const signed = ["-x509", "-days", "2", "-subj", `/CN=throughline ${name}`, "-out", file(`${name}.pem`)];
    execFileSync("openssl", ["req", ...newKey, ...signed, ...more], { stdio: "pipe" });
  };
  create("ca");
  create("stranger");
  const byAuthority = ["-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-addext", "basicConstraints=CA:FALSE"];
  create("node", ...byAuthority, "-addext", "subjectAltName=IP:127.0.0.1");
  create("client", ...byAuthority);
  return {
    file,
    text: (name) => readFileSync(file(name), "utf8"),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}
