import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** The line between one process and its broker, on which accidents can be had. */
export interface Line {
  /** Resets every connection and takes no new one, until `heal`: the broker is gone, or for others this process is. */
  cut(): void;
  /** Connections stay, new ones are taken, and nothing that is sent arrives, until `heal`. */
  swallow(): void;
  /** Resets what has lost something, and carries again. */
  heal(): void;
  /** Bytes that came from the broker so far. */
  readonly received: number;
}

export type TcpLine = Line &
  AsyncDisposable & {
    /** Stands in the place of the broker's host and port. */
    readonly host: string;
    readonly port: number;
  };

/** A line to whatever listens at `host:port`. It reads from one end no faster than the other takes it. */
export async function startLine(broker: { readonly host: string; readonly port: number }): Promise<TcpLine> {
  const sockets = new Set<Socket>();
  let state: "up" | "cut" | "swallowing" = "up";
  let received = 0;
  const server = createServer((near) => {
    if (state === "cut") {
      near.resetAndDestroy();
      return;
    }
    const far = connect(broker.port, broker.host);
    carry(near, far);
    carry(far, near);
    far.on("data", ({ length }) => {
      received += length;
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The line listens on no port");

  return {
    host: "127.0.0.1",
    port: address.port,
    cut() {
      state = "cut";
      reset();
    },
    swallow() {
      state = "swallowing";
    },
    heal() {
      state = "up";
      reset();
    },
    get received() {
      return received;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      reset();
    },
  };

  function carry(from: Socket, to: Socket): void {
    sockets.add(from);
    from.on("data", (bytes) => {
      if (state === "swallowing" || to.write(bytes)) return;
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

  function reset(): void {
    for (const socket of sockets) socket.resetAndDestroy();
  }
}
