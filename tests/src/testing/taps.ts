import { CreateTopicCommand, SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { eventTypes, workTypes } from "@throughline/contracts";
import type { Envelope } from "@throughline/envelope";
import { testBrokers, uniqueName } from "@throughline/local/testing";
import { type ConsumeMessage, connect } from "amqplib";
import { Kafka, type KafkaMessage, logLevel } from "kafkajs";

/** One message as one broker handed it to a stranger. */
export type Sighting = { readonly envelope: Envelope; readonly body: string } & (
  | { readonly broker: "kafka"; readonly topic: string; readonly message: KafkaMessage }
  | { readonly broker: "sns-sqs"; readonly message: Message }
  | { readonly broker: "rabbitmq"; readonly message: ConsumeMessage }
);

export type Taps = AsyncDisposable & { readonly sightings: readonly Sighting[] };

type Saw = (sighting: Sighting) => void;

/**
 * Listens to every message of a namespace on every broker that this machine has, with the brokers' own clients and
 * nothing of ours. On SNS and RabbitMQ that begins now; services must be ready, so that what is listened to is there.
 */
export async function openTaps(namespace: string): Promise<Taps> {
  await using opened = new AsyncDisposableStack();
  const sightings: Sighting[] = [];
  const saw: Saw = (sighting) => void sightings.push(sighting);
  const { kafka, rabbitmq } = testBrokers;
  await tapSnsSqs(namespace, rabbitmq ? eventTypes : [...eventTypes, ...workTypes], saw, opened);
  if (kafka) await tapKafka(kafka, namespace, saw, opened);
  if (rabbitmq) await tapRabbitmq(rabbitmq, namespace, saw, opened);
  const stack = opened.move();
  return { sightings, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** The clients of a stranger's account with SNS and SQS. */
export function openAws(opened: AsyncDisposableStack): { readonly sns: SNSClient; readonly sqs: SQSClient } {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const account = { region: "us-east-1", endpoint: testBrokers.snsSqs, credentials };
  const sns = opened.adopt(new SNSClient(account), (client) => client.destroy());
  const sqs = opened.adopt(new SQSClient({ ...account, useQueueUrlAsEndpoint: false }), (client) => client.destroy());
  return { sns, sqs };
}

async function tapSnsSqs(
  namespace: string,
  types: readonly string[],
  saw: Saw,
  opened: AsyncDisposableStack,
): Promise<void> {
  const { sns, sqs } = openAws(opened);
  const QueueName = `${namespace}-stranger`;
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName }));
  opened.defer(async () => void (await sqs.send(new DeleteQueueCommand({ QueueUrl }))));
  for (const type of types) {
    // Making a topic that is there is how SNS tells its ARN.
    const { TopicArn = "" } = await sns.send(
      new CreateTopicCommand({ Name: `${namespace}-${type.replaceAll(".", "-")}` }),
    );
    const Endpoint = TopicArn.replace(":sns:", ":sqs:").replace(/[^:]*$/, QueueName);
    const Attributes = { RawMessageDelivery: "true" };
    await sns.send(new SubscribeCommand({ TopicArn, Protocol: "sqs", Endpoint, Attributes }));
  }
  const closing = new AbortController();
  const reading = read();
  opened.defer(async () => {
    closing.abort();
    await reading;
  });

  async function read(): Promise<void> {
    const wish = { QueueUrl, WaitTimeSeconds: 1, MaxNumberOfMessages: 10, MessageAttributeNames: ["All"] };
    while (!closing.signal.aborted) {
      for (const message of (await sqs.send(new ReceiveMessageCommand(wish))).Messages ?? []) {
        saw({ broker: "sns-sqs", ...parse(message.Body ?? ""), message });
        await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message.ReceiptHandle }));
      }
    }
  }
}

async function tapKafka(broker: string, namespace: string, saw: Saw, opened: AsyncDisposableStack): Promise<void> {
  const kafka = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: uniqueName("stranger-"), maxWaitTimeInMs: 100 });
  opened.defer(() => consumer.disconnect());
  await consumer.connect();
  const topics = (await listTopics(kafka)).filter((topic) => topic.startsWith(`${namespace}.`));
  await consumer.subscribe({ topics, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ topic, message }) =>
      saw({ broker: "kafka", topic, ...parse(String(message.value)), message }),
  });
}

async function listTopics(kafka: Kafka): Promise<string[]> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await admin.listTopics();
  } finally {
    await admin.disconnect();
  }
}

async function tapRabbitmq(url: string, namespace: string, saw: Saw, opened: AsyncDisposableStack): Promise<void> {
  const connection = await connect(url);
  opened.defer(() => connection.close());
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue("", { exclusive: true });
  for (const type of workTypes) await channel.bindQueue(queue, `${namespace}.work`, type);
  const see = (message: ConsumeMessage | null) => {
    if (message !== null) saw({ broker: "rabbitmq", ...parse(message.content.toString()), message });
  };
  await channel.consume(queue, see, { noAck: true });
}

function parse(body: string): { readonly body: string; readonly envelope: Envelope } {
  return { body, envelope: JSON.parse(body) as Envelope };
}
