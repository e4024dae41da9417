import { demandOn, roadSettings, topology } from "@throughline/contracts/topology";
import { parseConfig } from "@throughline/service";
import { definitionsOf } from "@throughline/transport/rabbitmq";
import { deadLetterQueueSettings, queueSettings } from "@throughline/transport/sns-sqs";

/** A file of this repository that follows from the manifest. */
export type GeneratedFile = { readonly path: string; readonly text: string };

/** Never depends on the environment of whoever writes them. */
export function generatedFiles(): GeneratedFile[] {
  return [
    { path: "infra/terraform/topology.auto.tfvars.json", text: toText(variables()) },
    { path: "infra/rabbitmq/definitions.json", text: definitionsFor() },
  ];
}

const settings = settingsIn({ TOPOLOGY: "production" });

function settingsIn(env: NodeJS.ProcessEnv) {
  return roadSettings(parseConfig({ service: "topology", port: 0, database: false }, env));
}

/** What differs between environments, above all the namespace, is not in it. */
function variables() {
  const { types, groups } = demandOn("sns-sqs");
  const name = (dotted: string) => dotted.replaceAll(".", "-");
  const queues = groups.map(({ group, types, attempts }) => [
    name(group),
    { topics: types.map(name).sort(), max_receive_count: attempts },
  ]);
  const queue = queueSettings(settings.snsSqs.visibilityTimeoutSeconds, false);
  const daysIn = ({ MessageRetentionPeriod }: typeof deadLetterQueueSettings) =>
    Number(MessageRetentionPeriod) / 86_400;
  return {
    topics: Object.fromEntries(types.map((type) => [name(type), type])),
    queues: Object.fromEntries(queues),
    visibility_timeout_seconds: Number(queue.VisibilityTimeout),
    receive_wait_time_seconds: Number(queue.ReceiveMessageWaitTimeSeconds),
    retention_days: daysIn(queue),
    dead_letter_retention_days: daysIn(deadLetterQueueSettings),
  };
}

/** RabbitMQ's, in the form that every way of importing takes. Throws where this is no namespace; without one, it is `dev`. */
export function definitionsFor(NAMESPACE?: string): string {
  const { namespace } = settingsIn({ NAMESPACE });
  const { exchanges, queues, bindings } = definitionsOf(
    { namespace, workTypes: settings.work.types },
    demandOn("rabbitmq", topology),
  );
  const inHost = <Item extends object>(items: readonly Item[]) => items.map((item) => ({ ...item, vhost: "/" }));
  const vhosts = [{ name: "/" }];
  return toText({ vhosts, exchanges: inHost(exchanges), queues: inHost(queues), bindings: inHost(bindings) });
}

function toText(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
