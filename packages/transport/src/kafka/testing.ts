import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { uniqueName } from "@throughline/local/testing";
import { type Admin, type Consumer, type IHeaders, Kafka, type KafkaMessage, logLevel } from "kafkajs";
import { vi } from "vitest";

/** A client beside the transport, as a stranger would write it. */
export type Stranger = {
  readonly admin: Admin;
  send(topic: string, value: Buffer | null, key?: string, headers?: IHeaders): Promise<void>;
  /** What stands in a topic, as soon as that are `count` messages. */
  read(topic: string, count: number): Promise<readonly ReadMessage[]>;
  /** What a group has committed of a topic, in all its partitions together. */
  committed(groupId: string, topic: string): Promise<number>;
} & AsyncDisposable;

export type ReadMessage = KafkaMessage & { readonly partition: number };

export async function connectStranger(brokers: readonly string[]): Promise<Stranger> {
  const kafka = new Kafka({ brokers: [...brokers], clientId: "stranger", logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  const admin = kafka.admin();
  const consumers: Consumer[] = [];
  await Promise.all([producer.connect(), admin.connect()]);
  return {
    admin,
    async send(topic, value, key, headers = {}) {
      await producer.send({ topic, messages: [{ key: key ?? null, value, headers }] });
    },
    async read(topic, count) {
      const messages: ReadMessage[] = [];
      const consumer = kafka.consumer({ groupId: uniqueName("stranger-"), maxWaitTimeInMs: 100 });
      consumers.push(consumer);
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({
        eachMessage: async ({ message, partition }) => void messages.push({ ...message, partition }),
      });
      await vi.waitUntil(() => messages.length >= count, { timeout: 20_000 });
      return messages;
    },
    async committed(groupId, topic) {
      const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic] });
      return (offsets?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([producer, admin, ...consumers].map((client) => client.disconnect()));
    },
  };
}

/** A road to the broker that can be closed. */
export type Road = {
  /** Stands in the place of the broker's address. */
  readonly address: string;
  /** From now on requests reach the broker, and its answers are lost. */
  loseAnswers(): void;
  /** Cuts all connections and takes no new ones. */
  close(): Promise<void>;
  open(): Promise<void>;
} & AsyncDisposable;

/** Forwards to `broker`, and puts its own port in place of the broker's into the answers that name it. */
export async function buildRoad(broker: string): Promise<Road> {
  const [host = "", port = ""] = broker.split(":");
  const sockets = new Set<Socket>();
  let answersAreLost = false;
  const server = createServer((client) => {
    const upstream = connect(Number(port), host);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on("data", (request) => upstream.write(request));
    upstream.on("data", (answer) => {
      if (!answersAreLost) client.write(readdress(answer, endpoint(host, Number(port)), endpoint(host, own)));
    });
  });
  server.listen(0, host);
  await once(server, "listening");
  const address = server.address();
  const own = address !== null && typeof address === "object" ? address.port : 0;
  return {
    address: `${host}:${own}`,
    loseAnswers() {
      answersAreLost = true;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
    async open() {
      answersAreLost = false;
      if (server.listening) return;
      server.listen(own, host);
      await once(server, "listening");
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** As Kafka's protocol writes it: the length of the host in 16 bits, the host, the port in 32. */
function endpoint(host: string, port: number): Buffer {
  const bytes = Buffer.alloc(2 + host.length + 4);
  bytes.writeInt16BE(host.length, 0);
  bytes.write(host, 2);
  bytes.writeInt32BE(port, 2 + host.length);
  return bytes;
}

function readdress(answer: Buffer, from: Buffer, to: Buffer): Buffer {
  const readdressed = Buffer.from(answer);
  for (let at = answer.indexOf(from); at >= 0; at = answer.indexOf(from, at + 1)) to.copy(readdressed, at);
  return readdressed;
}
