import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { Line } from "../../testing/line.ts";

/** A line to a broker that names its own address to its clients: into what it says, the line's own is put. */
export type Road = Line &
  AsyncDisposable & {
    /** Stands in the place of the broker's address. */
    readonly address: string;
    /** From now on requests reach the broker, and its answers are lost, until `heal`. */
    loseAnswers(): void;
  };

type State = "up" | "cut" | "swallowing" | "losing answers";

export async function buildRoad(broker: string): Promise<Road> {
  const [host = "", port = ""] = broker.split(":");
  const sockets = new Set<Socket>();
  let state: State = "up";
  let received = 0;
  const server = createServer((client) => {
    if (state === "cut") return void client.resetAndDestroy();
    const upstream = connect(Number(port), host);
    carry(client, upstream, (bytes) => (state === "swallowing" ? undefined : bytes));
    carry(upstream, client, (bytes) => {
      received += bytes.length;
      return state === "up" ? readdress(bytes, endpoint(host, Number(port)), endpoint(host, own)) : undefined;
    });
  });
  server.listen(0, host);
  await once(server, "listening");
  const address = server.address();
  const own = address !== null && typeof address === "object" ? address.port : 0;
  return {
    address: `${host}:${own}`,
    cut: () => change("cut"),
    heal: () => change("up"),
    swallow() {
      state = "swallowing";
    },
    loseAnswers() {
      state = "losing answers";
    },
    get received() {
      return received;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      change("cut");
    },
  };

  /** It reads from one end no faster than the other takes it. */
  function carry(from: Socket, to: Socket, passing: (bytes: Buffer) => Buffer | undefined): void {
    sockets.add(from);
    from.on("data", (bytes) => {
      const passed = passing(bytes);
      if (passed === undefined || to.write(passed)) return;
      from.pause();
      to.once("drain", () => from.resume());
    });
    // A reset on one side is passed on by the close that follows.
    from.on("error", () => undefined);
    from.on("close", () => {
      sockets.delete(from);
      to.destroy();
    });
  }

  function change(to: State): void {
    state = to;
    for (const socket of sockets) socket.resetAndDestroy();
  }
}

/** As Kafka's protocol writes it: the host, whose length stands before it in one of two ways, and the port in 32 bits. */
function endpoint(host: string, port: number): Buffer {
  const bytes = Buffer.alloc(host.length + 4);
  bytes.write(host);
  bytes.writeInt32BE(port, host.length);
  return bytes;
}

function readdress(answer: Buffer, from: Buffer, to: Buffer): Buffer {
  const readdressed = Buffer.from(answer);
  for (let at = answer.indexOf(from); at >= 0; at = answer.indexOf(from, at + 1)) to.copy(readdressed, at);
  return readdressed;
}
