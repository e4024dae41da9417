import { setTimeout as delay } from "node:timers/promises";
import { PublishCommand, SNSClient } from "@aws-sdk/client-sns";
import { GetQueueUrlCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { testBrokers, uniqueName } from "@throughline/local/testing";
import { connect } from "amqplib";
import { Kafka, logLevel } from "kafkajs";
import { rowsOf } from "./database.ts";
import type { Fleet } from "./fleet.ts";

/** A place on a broker where anybody who may write can put something that services will read. */
export type Door = {
  readonly name: string;
  /** Who reads what comes in here, as far as a test looks at them. */
  readonly consumers: readonly string[];
  /** The type of message that belongs here. */
  readonly type: string;
  /** The most bytes that the broker lets in. */
  readonly mostBytes: number;
  /** False where the broker carries text alone, and none that is empty. */
  readonly isBinary: boolean;
  /** Puts the bytes there, with no header or attribute. */
  send(body: Buffer): Promise<void>;
};

export type DeadLetter = { readonly consumer: string; readonly body: Buffer; readonly reason: string };

export type Doors = AsyncDisposable & {
  readonly doors: readonly Door[];
  /** All that were set aside so far: on Kafka as a stranger finds them there, on all others as their service has them. */
  readonly deadLetters: readonly DeadLetter[];
};

/** The doors of every broker that this machine has, opened with the brokers' own clients and nothing of ours. */
export async function openDoors({ namespace, databases }: Pick<Fleet, "namespace" | "databases">): Promise<Doors> {
  await using opened = new AsyncDisposableStack();
  const deadLetters: DeadLetter[] = [];
  const found = (letter: DeadLetter) => void deadLetters.push(letter);
  const doors = [
    ...(await openSnsSqs(namespace, opened)),
    ...(testBrokers.kafka ? [await openKafka(testBrokers.kafka, namespace, found, opened)] : []),
    ...(testBrokers.rabbitmq ? [await openRabbitmq(testBrokers.rabbitmq, namespace, opened)] : []),
  ];
  for (const url of Object.values(databases)) readDrained(url, found, opened);
  const stack = opened.move();
  return { doors, deadLetters, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

type Found = (letter: DeadLetter) => void;

/** What a service has drained from brokers that keep nothing. */
function readDrained(url: string, found: Found, opened: AsyncDisposableStack): void {
  const closing = new AbortController();
  const reading = read();
  opened.defer(async () => {
    closing.abort();
    await reading;
  });

  async function read(): Promise<void> {
    const text = `select number, group_name as consumer, body, error_message as reason from dead_letters
      where road <> 'kafka' and number <> all($1)`;
    // Not the last number alone: a large letter is committed after a small one that has a higher number.
    const numbers: string[] = [];
    while (!closing.signal.aborted) {
      for (const row of await rowsOf<DeadLetter & { readonly number: string }>(url, text, [numbers])) {
        found(row);
        numbers.push(row.number);
      }
      await delay(200);
    }
  }
}

async function openSnsSqs(namespace: string, opened: AsyncDisposableStack): Promise<Door[]> {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const account = { region: "us-east-1", endpoint: testBrokers.snsSqs, credentials };
  const sns = opened.adopt(new SNSClient(account), (client) => client.destroy());
  const sqs = opened.adopt(new SQSClient({ ...account, useQueueUrlAsEndpoint: false }), (client) => client.destroy());
  const urlOf = async (QueueName: string) => (await sqs.send(new GetQueueUrlCommand({ QueueName }))).QueueUrl;
  const consumers = ["billing", "inventory", ...(testBrokers.kafka ? [] : ["analytics"])];
  const TopicArn = `arn:aws:sns:us-east-1:000000000000:${namespace}-order-created`;
  const QueueUrl = await urlOf(`${namespace}-billing`);
  const kind = { type: "order.created", isBinary: false };
  return [
    {
      ...kind,
      name: "the SNS topic of order.created",
      consumers,
      mostBytes: 256 * 1_024,
      send: async (body) => void (await sns.send(new PublishCommand({ TopicArn, Message: body.toString() }))),
    },
    {
      ...kind,
      name: "the SQS queue of billing",
      consumers: ["billing"],
      // A reason takes some bytes of the same limit.
      mostBytes: 1_024 * 1_024 - 512,
      send: async (body) => void (await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body.toString() }))),
    },
  ];
}

async function openKafka(broker: string, namespace: string, found: Found, opened: AsyncDisposableStack): Promise<Door> {
  const type = "stock.reserved";
  const topic = `${namespace}.${type}`;
  const kafka = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  const consumer = kafka.consumer({ groupId: uniqueName("stranger-"), maxWaitTimeInMs: 100 });
  opened.defer(() => producer.disconnect());
  opened.defer(() => consumer.disconnect());
  await Promise.all([producer.connect(), consumer.connect()]);
  await consumer.subscribe({ topic: `${topic}.DLT`, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message: { value, headers = {} } }) =>
      found({ consumer: String(headers.group), body: value ?? Buffer.alloc(0), reason: String(headers.errorMessage) }),
  });
  return {
    name: `the Kafka topic of ${type}`,
    consumers: ["order", "analytics"],
    type,
    // Around the value the record and its batch take some bytes more.
    mostBytes: 1_048_576 - 100,
    isBinary: true,
    send: async (value) => void (await producer.send({ topic, messages: [{ value }] })),
  };
}

async function openRabbitmq(url: string, namespace: string, opened: AsyncDisposableStack): Promise<Door> {
  const type = "payment.requested";
  const connection = await connect(url);
  opened.defer(() => connection.close());
  const channel = await connection.createConfirmChannel();
  return {
    name: `the RabbitMQ exchange of ${type}`,
    consumers: ["billing.work"],
    type,
    mostBytes: 16 * 1_024 * 1_024,
    isBinary: true,
    async send(body) {
      channel.publish(`${namespace}.work`, type, body);
      await channel.waitForConfirms();
    },
  };
}
