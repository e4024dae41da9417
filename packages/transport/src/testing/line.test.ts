import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { expect, test, vi } from "vitest";
import { startLine } from "./line.ts";

test("a line carries both ways, and counts what came", async () => {
  await using echo = await startEcho();
  await using line = await startLine(echo);
  const caller = await call(line);
  expect(await caller.ask("hello")).toBe("hello");
  expect(line.received).toBe(5);
});

test("a line that is cut resets what is on it and takes nothing new, until it is healed", async () => {
  await using echo = await startEcho();
  await using line = await startLine(echo);
  const [early, closed] = [await call(line), Promise.withResolvers<void>()];
  early.socket.once("close", () => closed.resolve());
  line.cut();
  await closed.promise;
  await expect(call(line).then(({ ask }) => ask("anybody?"))).rejects.toThrow();
  line.heal();
  expect(await (await call(line)).ask("again")).toBe("again");
});

test("a line that swallows takes everything and brings nothing, until it is healed", async () => {
  await using echo = await startEcho();
  await using line = await startLine(echo);
  const early = await call(line);
  line.swallow();
  const late = await call(line);
  const answers = [early.ask("one"), late.ask("two")].map((asked) => asked.catch(() => "lost"));
  line.heal();
  expect(await Promise.all(answers)).toEqual(["lost", "lost"]);
  expect(echo.heard).toEqual([]);
  expect(await (await call(line)).ask("three")).toBe("three");
});

test("a line reads no faster than its other end", async () => {
  await using flood = await startFlood(256 * 1_024 * 1_024);
  await using line = await startLine(flood);
  const { socket } = await call(line);
  socket.pause();
  await vi.waitUntil(() => line.received > 0, { timeout: 10_000 });
  const readings: number[] = [];
  const isStill = () => readings.push(line.received) > 5 && readings.at(-1) === readings.at(-5);
  await vi.waitUntil(isStill, { interval: 20, timeout: 10_000 });
  expect(line.received).toBeLessThan(flood.bytes / 2);
});

async function call({ host, port }: { readonly host: string; readonly port: number }) {
  const socket = connect(port, host);
  socket.on("error", () => undefined);
  await once(socket, "connect");
  const ask = async (question: string) => {
    const answered = Promise.withResolvers<string>();
    socket.once("data", (bytes) => answered.resolve(bytes.toString()));
    socket.once("close", () => answered.reject(new Error("The connection was closed")));
    socket.write(question);
    return answered.promise;
  };
  return { socket, ask };
}

async function startEcho() {
  const heard: string[] = [];
  const server = await serve((socket) => {
    socket.on("data", (bytes) => {
      heard.push(bytes.toString());
      socket.write(bytes);
    });
  });
  return { ...server, heard };
}

async function startFlood(bytes: number) {
  return { ...(await serve((socket) => socket.write(Buffer.alloc(bytes)))), bytes };
}

async function serve(onConnection: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    sockets.add(socket);
    onConnection(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  return {
    host: "127.0.0.1",
    port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
