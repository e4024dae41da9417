import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

let emulator: Awaited<ReturnType<typeof start>>;
beforeAll(async () => {
  emulator = await start();
});
afterAll(() => emulator.stop());

test("a topic's message reaches its queue as it was sent", async () => {
  const { QueueUrl } = await emulator.sqs("CreateQueue", { QueueName: "dev-billing" });
  const topic = await emulator.sns("CreateTopic", { Name: "dev-order-created" });
  const TopicArn = /<TopicArn>(.+)<\/TopicArn>/.exec(topic)?.[1] ?? "";
  const Endpoint = "arn:aws:sqs:us-east-1:000000000000:dev-billing";
  const raw = { "Attributes.entry.1.key": "RawMessageDelivery", "Attributes.entry.1.value": "true" };
  await emulator.sns("Subscribe", { TopicArn, Protocol: "sqs", Endpoint, ...raw });
  await emulator.sns("Publish", { TopicArn, Message: '{"id":"1"}' });
  const { Messages } = await emulator.sqs("ReceiveMessage", { QueueUrl, WaitTimeSeconds: 5 });
  expect(Messages).toEqual([expect.objectContaining({ Body: '{"id":"1"}' })]);
});

test("it listens on 127.0.0.1 and on no other address", async () => {
  // 127.0.0.2 is this machine too, and would answer if it listened on all addresses.
  const socket = connect(emulator.port, "127.0.0.2");
  await expect(once(socket, "connect")).rejects.toThrow();
});

async function start() {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const child = spawn(process.execPath, [main], {
    env: { ...process.env, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(child.stdout, "data");
  const port = Number(/:(\d+)/.exec(String(line))?.[1]);
  const ask = async (headers: Record<string, string>, body: string | URLSearchParams) => {
    const authorization = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/sns/aws4_request";
    const response = await fetch(`http://127.0.0.1:${port}/`, {
      method: "POST",
      headers: { authorization, ...headers },
      body,
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${response.status}: ${text}`);
    return text;
  };
  return {
    port,
    sns: (Action: string, parameters: Record<string, string>) =>
      ask({}, new URLSearchParams({ Action, ...parameters })),
    async sqs(action: string, input: object): Promise<{ QueueUrl?: string; Messages?: object[] }> {
      const headers = { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AmazonSQS.${action}` };
      return JSON.parse(await ask(headers, JSON.stringify(input)));
    },
    async stop() {
      const exit = once(child, "exit");
      child.kill();
      await exit;
    },
  };
}
