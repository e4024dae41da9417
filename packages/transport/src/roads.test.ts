import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { createEnvelope, type Envelope, newId } from "@throughline/envelope";
import { expect, test, vi } from "vitest";
import { openRoad, openRoads, type Road } from "./index.ts";

const run = promisify(execFile);

test("a message takes the same road to whoever opens it under the same namespace", async () => {
  const settings = { namespace: newId() };
  const received: Envelope[] = [];
  const handler = async (envelope: Envelope) => void received.push(envelope);
  const there = await openRoad("memory", settings);
  await using subscriber = await there.connectSubscriber();
  await subscriber.subscribe({ group: "billing", types: ["order.created"], handler });

  const here = await openRoad("memory", settings);
  await using publisher = await here.connectPublisher();
  const sent = createEnvelope({ type: "order.created", version: "1", key: "order-1", data: {} }, { source: "order" });
  await publisher.publish([sent]);
  await vi.waitUntil(() => received.length === 1);
  expect(received).toEqual([sent]);
});

test("every broker is a road", async () => {
  const settings = {
    namespace: "dev",
    kafka: { brokers: ["127.0.0.1:1"] },
    snsSqs: { region: "us-east-1" },
    rabbitmq: { url: "amqp://127.0.0.1:1" },
    work: { types: ["payment.requested"], priority: () => 4 },
  };
  const names: Road[] = ["kafka", "sns-sqs", "rabbitmq", "memory"];
  expect((await openRoads(names, settings)).map(({ name }) => name)).toEqual(names);
});

test("a road without its settings is refused by name", async () => {
  await expect(openRoad("kafka", { namespace: "dev" })).rejects.toThrow("The road kafka has no settings");
});

test("the library of a broker that is not used is not loaded", async () => {
  const script = `
    import { registerHooks } from "node:module";
    const loaded = [];
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
    const { openRoad } = await import(${JSON.stringify(import.meta.resolve("./index.ts"))});
    await openRoad("memory", { namespace: "dev" });
    console.log(loaded.join("\\n"));
  `;
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", script]);
  expect(stdout).toContain("/transport/src/memory.ts");
  expect(stdout).not.toMatch(/kafkajs|aws-sdk|amqplib/);
});
