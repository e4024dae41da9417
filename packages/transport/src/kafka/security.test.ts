import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { missing, type SecureKafka, startSecureKafka } from "@throughline/local/brokers";
import { freeBasePort } from "@throughline/local/ports";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type KafkaOptions, kafkaTransport } from "../kafka.ts";
import { clients, order, patience, type } from "./testing/shop.ts";

// With CI=true a missing broker is a failure.
describe.skipIf(missing.kafka !== undefined && process.env.CI !== "true")("a Kafka that asks who is there", () => {
  let folder: string;
  let kafka: SecureKafka;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "throughline-"));
    kafka = await startSecureKafka({ port: await freeBasePort(), dataDir: join(folder, "kafka"), log: () => {} });
  });
  afterAll(async () => {
    await kafka[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  describe.each(clients)("is spoken to by %s", (client) => {
    const user = { username: "throughline", password: "throughline" };
    const tls = () => ({ client, brokers: [kafka.tls], ssl: { ca: kafka.ca } });
    const saslTls = () => ({ client, brokers: [kafka.saslTls], ssl: { ca: kafka.ca } });

    test("over TLS", async () => {
      await expectRoundTrip({ ...tls(), namespace: `${client}-tls` });
    });

    test.each(["plain", "scram-sha-256", "scram-sha-512"] as const)("over TLS as a user by %s", async (mechanism) => {
      await expectRoundTrip({ ...saslTls(), sasl: { mechanism, ...user }, namespace: `${client}-${mechanism}` });
    });

    test.each(["plain", "scram-sha-256", "scram-sha-512"] as const)(
      "in vain with a wrong password by %s",
      async (mechanism) => {
        const sasl = { mechanism, ...user, password: "guess" };
        await expectRefusal({ ...saslTls(), sasl }, `Look at sasl: is throughline a user by ${mechanism}`);
      },
    );

    test("in vain without a user", async () => {
      await expectRefusal(saslTls(), "Look at sasl: a user may be asked for");
    });

    test("in vain as a user where none is asked for", async () => {
      await expectRefusal({ ...tls(), sasl: { mechanism: "plain", ...user } }, "Look at sasl: no user is asked for");
    });

    test("in vain while its authority is not known", async () => {
      await expectRefusal({ ...tls(), ssl: true }, "Look at ssl: give the authority's certificate");
    });

    test("in vain in plain text", async () => {
      await expectRefusal({ client, brokers: [kafka.tls] }, "Look at ssl and sasl: TLS, or a user, may be asked for");
    });

    test("in vain by TLS where it speaks plain text", async () => {
      await expectRefusal({ client, brokers: [kafka.url], ssl: true }, "Look at ssl: no TLS is spoken at this address");
    });
  });
});

async function expectRoundTrip(options: KafkaOptions): Promise<void> {
  const transport = kafkaTransport(options);
  const handled: string[] = [];
  await using subscriber = await transport.connectSubscriber();
  await subscriber.subscribe({ group: "billing", types: [type], handler: async ({ id }) => void handled.push(id) });
  await using publisher = await transport.connectPublisher();
  const sent = order("order-1");
  await publisher.publish([sent]);
  await vi.waitUntil(() => handled.length === 1, patience);
  expect(handled).toEqual([sent.id]);
}

async function expectRefusal(options: Omit<KafkaOptions, "namespace">, advice: string): Promise<void> {
  const transport = kafkaTransport({ ...options, namespace: "refused" });
  const refusal = await transport.connectPublisher().catch((error: unknown) => error);
  expect(String(refusal)).toContain(`Kafka at ${options.brokers[0]} cannot be reached`);
  expect(String(refusal)).toContain(advice);
  expect(String(refusal)).not.toContain("guess");
}
