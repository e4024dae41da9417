import {
  CreateTopicCommand,
  paginateListSubscriptionsByTopic,
  SNSClient,
  UnsubscribeCommand,
} from "@aws-sdk/client-sns";
import { DeleteQueueCommand, GetQueueUrlCommand, QueueDoesNotExist, SQSClient } from "@aws-sdk/client-sqs";
import type { RoadSettings } from "@throughline/transport";
import type { TapGroup } from "../taps.ts";
import type { Cleaner } from "./cleaner.ts";

/** A new queue gets nothing of what was published before it. */
export function snsSqsCleaner(
  settings: NonNullable<RoadSettings["snsSqs"]>,
  namespace: string,
  groups: readonly TapGroup[],
): Cleaner {
  return {
    skipHistory: async () => undefined,
    async remove() {
      const { endpoint, region, credentials } = settings;
      const config = { region, ...(endpoint && { endpoint }), ...(credentials && { credentials }) };
      const [sns, sqs] = [new SNSClient(config), new SQSClient({ ...config, useQueueUrlAsEndpoint: false })];
      for (const { group, types } of groups) {
        const queue = nameOf(namespace, group);
        for (const type of types) await unsubscribe(sns, nameOf(namespace, type), queue);
        for (const name of [queue, `${queue}-dlq`, `${queue}-undelivered`]) await deleteQueue(sqs, name);
      }
      sns.destroy();
      sqs.destroy();
    },
  };
}

async function unsubscribe(sns: SNSClient, Name: string, queue: string): Promise<void> {
  // Making a topic that is there is how SNS tells its ARN.
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name }));
  for await (const { Subscriptions = [] } of paginateListSubscriptionsByTopic({ client: sns }, { TopicArn })) {
    for (const { Endpoint, SubscriptionArn } of Subscriptions) {
      if (Endpoint?.endsWith(`:${queue}`)) await sns.send(new UnsubscribeCommand({ SubscriptionArn }));
    }
  }
}

async function deleteQueue(sqs: SQSClient, QueueName: string): Promise<void> {
  try {
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName }));
    await sqs.send(new DeleteQueueCommand({ QueueUrl }));
  } catch (error) {
    if (!(error instanceof QueueDoesNotExist)) throw error;
  }
}

function nameOf(namespace: string, name: string): string {
  return `${namespace}-${name}`.replaceAll(".", "-");
}
