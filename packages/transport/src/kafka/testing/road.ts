import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

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
