import { randomUUID } from "node:crypto";
import { CreateTopicCommand, PublishCommand } from "@aws-sdk/client-sns";
import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type Message,
  ReceiveMessageCommand,
} from "@aws-sdk/client-sqs";
import { testBrokers } from "@throughline/local/testing";
import { type SnsSqsTransportOptions, snsSqsTransport } from "../sns-sqs.ts";
import { startLine, type UnderTest } from "../testing.ts";
import { createClients } from "./clients.ts";

export const account = {
  endpoint: testBrokers.snsSqs,
  region: "us-east-1",
  credentials: { accessKeyId: "any", secretAccessKey: "any" },
};

/** The transport on the emulator that `npm test` started, and a plain SDK client beside it. */
export function snsSqsUnderTest(namespace: string, options: Partial<SnsSqsTransportOptions> = {}) {
  const transport = snsSqsTransport({ ...account, namespace, ...options });
  const stranger = createStranger(namespace, options.fifo);
  return { transport, stranger, probe: stranger.probe, dispose: async () => stranger[Symbol.dispose]() };
}

/** The same as one process of several has it, with a lease that a test can wait for. */
export async function snsSqsOnLine(namespace: string, fifo = false): Promise<UnderTest> {
  const { hostname, port } = new URL(account.endpoint);
  const line = await startLine({ host: hostname, port: Number(port) });
  const endpoint = `http://${line.host}:${line.port}`;
  const { stranger, ...underTest } = snsSqsUnderTest(namespace, {
    fifo,
    endpoint,
    visibilityTimeoutSeconds: leaseSeconds,
  });
  return {
    ...underTest,
    line,
    leaseMs: leaseSeconds * 1_000,
    // Its attributes come on top.
    tooLargeBytes: 256 * 1_024,
    async dispose() {
      stranger[Symbol.dispose]();
      await line[Symbol.asyncDispose]();
    },
  };
}

/** Shorter ones are over before a busy machine has begun to handle. */
const leaseSeconds = 8;

/** Somebody who knows the names on the brokers, and none of our code. */
export function createStranger(namespace: string, fifo = false) {
  const { sns, sqs, destroy } = createClients(account);
  const named = (name: string) => `${namespace}-${name}`.replaceAll(".", "-") + (fifo ? ".fifo" : "");

  async function queueUrl(name: string): Promise<string> {
    const { QueueUrl = "" } = await sqs.send(new GetQueueUrlCommand({ QueueName: named(name) }));
    return QueueUrl;
  }

  async function attributesOf(name: string): Promise<Readonly<Record<string, string>>> {
    const { Attributes = {} } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: await queueUrl(name), AttributeNames: ["All"] }),
    );
    return Attributes;
  }

  /** Waits for `count` messages and takes them off the queue. */
  async function take(name: string, count: number): Promise<Message[]> {
    const QueueUrl = await queueUrl(name);
    const taken: Message[] = [];
    while (taken.length < count) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl,
          MaxNumberOfMessages: Math.min(10, count - taken.length),
          WaitTimeSeconds: 1,
          MessageAttributeNames: ["All"],
        }),
      );
      for (const { ReceiptHandle } of Messages) await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      taken.push(...Messages);
    }
    return taken;
  }

  async function publish(type: string, Message: string, attributes: Readonly<Record<string, string>> = {}) {
    const FifoTopic = { Attributes: { FifoTopic: "true" } };
    const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: named(type), ...(fifo && FifoTopic) }));
    const entries = Object.entries(attributes).map(([name, StringValue]) => [
      name,
      { DataType: "String", StringValue },
    ]);
    const inGroup = fifo && { MessageGroupId: "strangers", MessageDeduplicationId: randomUUID() };
    await sns.send(
      new PublishCommand({ TopicArn, Message, MessageAttributes: Object.fromEntries(entries), ...inGroup }),
    );
  }

  const probe: UnderTest["probe"] = {
    publishRaw: (type, bytes) => publish(type, new TextDecoder("utf-8", { fatal: true }).decode(bytes)),
    async deadLetters(group, _type, count) {
      const messages = await take(`${group}-dlq`, count);
      return messages.map(({ Body = "", MessageAttributes }) => ({
        body: Buffer.from(Body),
        reason: JSON.parse(MessageAttributes?.["throughline.failure"]?.StringValue ?? "{}").message ?? "",
      }));
    },
  };

  return { sns, sqs, queueUrl, attributesOf, take, publish, probe, [Symbol.dispose]: destroy };
}
