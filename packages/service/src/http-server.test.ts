import { connect } from "node:net";
import express from "express";
import { describe, expect, test } from "vitest";
import { serveHttp } from "./http-server.ts";
import { call, config, serve } from "./testing/http.ts";

describe("a shutdown", () => {
  test("finishes the requests in flight, accepts no more, and says on open connections that it is stopping", async () => {
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
    const { promise: finish, resolve: mayFinish } = Promise.withResolvers<void>();
    const routes = express.Router();
    routes.get("/slow", async (_request, response) => {
      arrive();
      await finish;
      response.json({ done: true });
    });
    const http = await serveHttp(config, { routes });
    const slow = call(`${http.url}/slow`);
    await arrived;
    const half = await openHalfRequest(http.url, "GET /readyz HTTP/1.1\r\n");
    const closed = http[Symbol.asyncDispose]();

    await expect(fetch(`${http.url}/livez`)).rejects.toThrow();
    const unready = await half.complete();
    expect(unready).toMatch(/^HTTP\/1.1 503/);
    expect(unready).toContain('"process":"stopping"');
    expect(unready.toLowerCase()).toContain("connection: close");
    mayFinish();
    expect(await slow).toMatchObject({ status: 200, body: { done: true } });
    await closed;
  });

  test("cuts what does not end by itself", async () => {
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
    const routes = express.Router();
    routes.get("/stream", (_request, response) => {
      response.write("and so on");
      arrive();
    });
    const http = await serveHttp({ ...config, shutdownGraceMs: 40 }, { routes });
    const stream = fetch(`${http.url}/stream`).then((response) => response.text());
    const cut = expect(stream).rejects.toThrow();
    await arrived;
    await http[Symbol.asyncDispose]();
    await cut;
  });
});

test("a port that is taken is said at once", async () => {
  await using http = await serve();
  const taken = { ...config, port: Number(new URL(http.url).port) };
  await expect(serveHttp(taken, { routes: express.Router() })).rejects.toThrow("EADDRINUSE");
});

/** A whole request and the start of another in one packet: when the first is answered, the second has begun. */
async function openHalfRequest(url: string, start: string) {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  let received = "";
  socket.setEncoding("latin1").write(`GET /livez HTTP/1.1\r\nhost: x\r\n\r\n${start}`);
  await new Promise<void>((resolve) => socket.once("data", () => resolve()));
  socket.on("data", (chunk: string) => {
    received += chunk;
  });
  return {
    async complete(): Promise<string> {
      socket.write("host: x\r\n\r\n");
      await new Promise<void>((resolve) => socket.once("close", () => resolve()));
      return received;
    },
  };
}
