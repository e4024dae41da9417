import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A road to a broker on which accidents can be had. */
export type FaultProxy = AsyncDisposable & {
  readonly url: string;
  /** Connections that neither end has closed. */
  readonly connections: number;
  /** Ends every connection with a reset. */
  cut(): void;
  /** Connections stay, and what is sent over them is lost, until `heal`. New ones are accepted, to the same end. */
  swallow(): void;
  /** Resets what has lost something and carries again. */
  heal(): void;
};

export async function startFaultProxy(brokerUrl: string): Promise<FaultProxy> {
  const broker = new URL(brokerUrl);
  const sockets = new Set<Socket>();
  let isSwallowing = false;

  const server = createServer((near) => {
    const far = connect(Number(broker.port), broker.hostname);
    carry(near, far);
    carry(far, near);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The proxy listens on no port");
  const url = new URL(brokerUrl);
  url.port = `${address.port}`;

  return {
    url: url.href,
    get connections() {
      return sockets.size / 2;
    },
    cut,
    swallow() {
      isSwallowing = true;
    },
    heal() {
      isSwallowing = false;
      cut();
    },
    async [Symbol.asyncDispose]() {
      server.close();
      cut();
    },
  };

  function carry(from: Socket, to: Socket): void {
    sockets.add(from);
    from.on("data", (bytes) => isSwallowing || to.write(bytes));
    // A reset on one side is passed on by the close that follows.
    from.on("error", () => undefined);
    from.on("close", () => {
      sockets.delete(from);
      to.destroy();
    });
  }

  function cut(): void {
    for (const socket of sockets) socket.resetAndDestroy();
  }
}
