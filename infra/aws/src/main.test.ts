import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

let emulator: Awaited<ReturnType<typeof start>>;
beforeAll(async () => {
  emulator = await start();
});
afterAll(() => emulator[Symbol.asyncDispose]());

test("a topic's message reaches its queue as it was sent", async () => {
  const { QueueUrl } = await declare(emulator);
  await emulator.sns("Publish", { TopicArn, Message: '{"id":"1"}' });
  const { Messages } = await emulator.sqs("ReceiveMessage", { QueueUrl, WaitTimeSeconds: 5 });
  expect(Messages).toEqual([expect.objectContaining({ Body: '{"id":"1"}' })]);
});

test("what waits outlives the process, with how often it was received, and whatever was declared with it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sns-sqs-"));
  const receive = { WaitTimeSeconds: 5, AttributeNames: ["ApproximateReceiveCount"] };
  const receiveFrom = async (from: typeof emulator) => {
    const { QueueUrl } = await from.sqs("GetQueueUrl", { QueueName });
    return { QueueUrl, Messages: (await from.sqs("ReceiveMessage", { QueueUrl, ...receive })).Messages ?? [] };
  };
  try {
    await using first = await start(folder);
    await declare(first);
    await first.sns("Publish", { TopicArn, Message: "given back" });
    const { QueueUrl, Messages } = await receiveFrom(first);
    const { ReceiptHandle } = Messages[0] ?? {};
    await first.sqs("ChangeMessageVisibility", { QueueUrl, ReceiptHandle, VisibilityTimeout: 0 });
    await first.stop();

    await using second = await start(folder);
    const again = await receiveFrom(second);
    expect(again.Messages).toMatchObject([{ Body: "given back", Attributes: { ApproximateReceiveCount: "2" } }]);
    await second.sns("Publish", { TopicArn, Message: "published later" });
    expect((await receiveFrom(second)).Messages).toMatchObject([{ Body: "published later" }]);
    await second.stop("SIGKILL");

    await using third = await start(folder);
    await third.sns("Publish", { TopicArn, Message: "after a kill" });
    expect((await receiveFrom(third)).Messages).toMatchObject([{ Body: "after a kill" }]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("it listens on 127.0.0.1 and on no other address", async () => {
  // 127.0.0.2 is this machine too, and would answer if it listened on all addresses.
  const socket = connect(emulator.port, "127.0.0.2");
  await expect(once(socket, "connect")).rejects.toThrow();
});

const QueueName = "dev-billing";
const TopicArn = "arn:aws:sns:us-east-1:000000000000:dev-order-created";

async function declare({ sns, sqs }: typeof emulator) {
  const queue = await sqs("CreateQueue", { QueueName });
  await sns("CreateTopic", { Name: "dev-order-created" });
  const Endpoint = `arn:aws:sqs:us-east-1:000000000000:${QueueName}`;
  const raw = { "Attributes.entry.1.key": "RawMessageDelivery", "Attributes.entry.1.value": "true" };
  await sns("Subscribe", { TopicArn, Protocol: "sqs", Endpoint, ...raw });
  return queue;
}

async function start(dataDir = "") {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const child = spawn(process.execPath, [main], {
    env: { ...process.env, PORT: "0", DATA_DIR: dataDir },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
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
  const stop = async (signal: NodeJS.Signals = "SIGTERM") => {
    child.kill(signal);
    await ended;
  };
  return {
    port,
    sns: (Action: string, parameters: Record<string, string>) =>
      ask({}, new URLSearchParams({ Action, ...parameters })),
    async sqs(action: string, input: object): Promise<{ QueueUrl?: string; Messages?: { ReceiptHandle?: string }[] }> {
      const headers = { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AmazonSQS.${action}` };
      return JSON.parse(await ask(headers, JSON.stringify(input)));
    },
    stop,
    [Symbol.asyncDispose]: () => stop("SIGKILL"),
  };
}
