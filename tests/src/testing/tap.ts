import { CreateTopicCommand, SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { eventTypes, workTypes } from "@throughline/contracts";
import { testBrokers, uniqueName } from "@throughline/local/testing";
import { connect } from "amqplib";
import { Kafka, logLevel } from "kafkajs";

/** One copy of a message that a broker took. */
export type Sighting = {
  readonly road: string;
  readonly id: string;
  readonly type: string;
  readonly source: string;
};

export type Tap = AsyncDisposable & {
  /** Every copy that was published since the tap was opened, by what the broker calls it. */
  readonly seen: ReadonlyMap<string, Sighting>;
};

type See = (road: string, copy: string, body: string) => void;

/** Sees what really is published on every broker that this machine has, with the brokers' own clients and nothing of ours. */
export async function tapBrokers(namespace: string): Promise<Tap> {
  await using opened = new AsyncDisposableStack();
  const seen = new Map<string, Sighting>();
  const see: See = (road, copy, body) => {
    const { id, type, source } = JSON.parse(body) as Sighting;
    seen.set(`${road} ${copy}`, { road, id, type, source });
  };
  await tapSns(namespace, see, opened);
  if (testBrokers.kafka) await tapKafka(testBrokers.kafka, namespace, see, opened);
  if (testBrokers.rabbitmq) await tapRabbitmq(testBrokers.rabbitmq, namespace, see, opened);
  const stack = opened.move();
  return { seen, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function tapSns(namespace: string, see: See, opened: AsyncDisposableStack): Promise<void> {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const account = { region: "us-east-1", endpoint: testBrokers.snsSqs, credentials };
  const sns = opened.adopt(new SNSClient(account), (client) => client.destroy());
  const sqs = opened.adopt(new SQSClient({ ...account, useQueueUrlAsEndpoint: false }), (client) => client.destroy());
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: uniqueName("tap-") }));
  opened.defer(async () => void (await sqs.send(new DeleteQueueCommand({ QueueUrl }))));
  const asked = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["QueueArn"] }));
  const subscription = {
    Protocol: "sqs",
    Endpoint: asked.Attributes?.QueueArn,
    Attributes: { RawMessageDelivery: "true" },
  };
  for (const type of eventTypes) {
    const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: `${namespace}-${type.replaceAll(".", "-")}` }));
    await sns.send(new SubscribeCommand({ ...subscription, TopicArn }));
  }
  const closing = new AbortController();
  const reading = read();
  opened.defer(() => {
    closing.abort();
    return reading;
  });

  async function read(): Promise<void> {
    const receive = new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 1, MaxNumberOfMessages: 10 });
    while (!closing.signal.aborted) {
      for (const { Body = "", MessageId = "", ReceiptHandle } of (await sqs.send(receive)).Messages ?? []) {
        see("sns-sqs", MessageId, Body);
        await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      }
    }
  }
}

async function tapKafka(broker: string, namespace: string, see: See, opened: AsyncDisposableStack): Promise<void> {
  const kafka = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: uniqueName("tap-"), maxWaitTimeInMs: 100 });
  opened.defer(() => consumer.disconnect());
  await consumer.connect();
  await consumer.subscribe({ topics: eventTypes.map((type) => `${namespace}.${type}`), fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ topic, partition, message: { offset, value } }) =>
      see("kafka", `${topic} ${partition} ${offset}`, String(value)),
  });
}

async function tapRabbitmq(url: string, namespace: string, see: See, opened: AsyncDisposableStack): Promise<void> {
  const connection = await connect(url);
  opened.defer(() => connection.close());
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue("", { exclusive: true });
  for (const type of workTypes) await channel.bindQueue(queue, `${namespace}.work`, type);
  let copies = 0;
  const take = (body: Buffer) => see("rabbitmq", String(copies++), body.toString());
  await channel.consume(queue, (message) => message && take(message.content), { noAck: true });
}
