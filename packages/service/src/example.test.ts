import express from "express";
import { expect, test } from "vitest";
import { z } from "zod";
import { parseConfig, problem, readBody, serveHttp } from "./index.ts";

const greeting = z.object({ name: z.string().min(1) });

test("a service reads its settings, serves HTTP and says what is wrong", async () => {
  const config = parseConfig({ service: "greeter", port: 0, database: false }, { LOG_LEVEL: "silent" });
  const routes = express.Router();
  routes.post("/greetings", (request, response) => {
    const { name } = readBody(greeting, request);
    if (name === "nobody") throw problem(409, "Nobody is not to be greeted");
    response.status(201).json({ text: `Hello ${name}` });
  });
  await using http = await serveHttp(config, { routes, ready: { manners: () => Promise.resolve() } });

  const post = (body: object) =>
    fetch(`${http.url}/greetings`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  expect(await (await post({ name: "world" })).json()).toEqual({ text: "Hello world" });
  expect((await post({ name: "nobody" })).status).toBe(409);
  expect(await (await post({})).json()).toMatchObject({ status: 400, errors: [{ path: "name" }] });
  expect((await fetch(`${http.url}/readyz`)).status).toBe(200);
});
