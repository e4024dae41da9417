import { execFile } from "node:child_process";
import { appendFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Broker, BrokerOptions } from "./broker.ts";
import { startKafka } from "./kafka.ts";

export type SecureKafka = Broker & {
  /** Where it speaks TLS. */
  readonly tls: string;
  /** Where it speaks TLS and asks for a user: `throughline` with that as password, by any of its mechanisms. */
  readonly saslTls: string;
  /** The authority behind its certificate, in PEM. */
  readonly ca: string;
};

/** Apache Kafka with a certificate of an authority made for it, and users; listens on three ports above the controller's. */
export async function startSecureKafka(options: BrokerOptions): Promise<SecureKafka> {
  const { port, dataDir } = options;
  await mkdir(dataDir, { recursive: true });
  const { ca, keystore } = await makeCertificates(dataDir);
  const listeners = { SSL: port + 2, SASL_SSL: port + 3 };
  const kafka = await startKafka(options, { listeners, settings: settings(keystore), format: users });
  return {
    ...kafka,
    tls: `127.0.0.1:${listeners.SSL}`,
    saslTls: `127.0.0.1:${listeners.SASL_SSL}`,
    ca: await readFile(ca, "utf8"),
  };
}

const users = ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((mechanism) => [
  "--add-scram",
  `${mechanism}=[name=throughline,password=throughline]`,
]);

function settings(keystore: string): Record<string, string> {
  const login = "org.apache.kafka.common.security";
  return {
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL",
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": keystore,
    "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
    "listener.name.sasl_ssl.plain.sasl.jaas.config": `${login}.plain.PlainLoginModule required user_throughline="throughline";`,
    "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config": `${login}.scram.ScramLoginModule required;`,
    "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": `${login}.scram.ScramLoginModule required;`,
  };
}

/** An authority, and by it a certificate for 127.0.0.1 in one file with its key, as Kafka wants it. */
async function makeCertificates(folder: string): Promise<{ readonly ca: string; readonly keystore: string }> {
  const path = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => promisify(execFile)("openssl", args);
  const fresh = ["-newkey", "rsa:2048", "-nodes", "-x509", "-days", "2"];
  const [ca, caKey, cert, keystore] = ["ca.pem", "ca.key", "broker.pem", "keystore.pem"].map(path) as [
    string,
    string,
    string,
    string,
  ];
  await openssl("req", ...fresh, "-subj", "/CN=Throughline test authority", "-keyout", caKey, "-out", ca);
  const signed = ["-CA", ca, "-CAkey", caKey, "-addext", "subjectAltName=IP:127.0.0.1"];
  await openssl("req", ...fresh, "-subj", "/CN=127.0.0.1", ...signed, "-keyout", keystore, "-out", cert);
  await appendFile(keystore, await readFile(cert));
  return { ca, keystore };
}
