import { measureBacklog } from "./kafka/backlog.ts";
import { createDeadLetterRoad } from "./kafka/dead-letters.ts";
import { share } from "./kafka/idle-closed.ts";
import { libraryOf } from "./kafka/library-of.ts";
import { createPublisher } from "./kafka/publisher.ts";
import { connectSender } from "./kafka/sender.ts";
import { type KafkaOptions, settingsOf } from "./kafka/settings.ts";
import { createSubscriber } from "./kafka/subscriber.ts";
import { drainGroupOf, ensureTopics, topicOf } from "./kafka/topics.ts";
import type { Transport } from "./transport.ts";

export type { KafkaOptions, TopicOptions } from "./kafka/settings.ts";

/**
 * Apache Kafka. Topic `dev.order.created` per type, created where it is missing; group `dev.billing`; key, value and
 * headers as the envelope says. What is set aside goes to `dev.order.created.DLT` with its key, bytes and headers, and
 * `originalTopic`, `originalPartition`, `originalOffset`, `originalTimestamp`, `group`, `attempts`, `failedAt`,
 * `errorName`, `errorMessage` and `errorStack` beside them.
 *
 * Messages of one key and type keep their order; those of one key, whatever their type, are handled by one member, one
 * at a time. A message comes again when its member dies, or when the group meets anew before it was committed. While a
 * key waits for its next attempt, the others of its partition go on, but nothing behind it is committed: what has ended
 * there, and how often others failed, stands in a note beside the committed offset, which whoever reads on goes by.
 *
 * `attempts` are the message's, whoever makes them. After a member died, whatever it may have had in hand is handled
 * alone, one by one, so that a message that kills its process is known and set aside after as many deaths.
 *
 * `publish` ends within 10 s, whatever the broker does. A subscriber whose broker is away tries again each second and
 * tells `onFailure`; after a crash the group waits for `sessionTimeoutMs` before it gives the partitions anew.
 *
 * The backlog counts as dead letters all that stand in those topics, whichever group set them aside, until they are
 * drained: Kafka does not count by header, and forgets them after 14 days.
 */
export function kafkaTransport(options: KafkaOptions): Transport {
  const settings = settingsOf(options);
  const { namespace } = settings;
  const library = libraryOf(settings);
  const admin = share(library.connectAdmin);
  const connect = () =>
    connectSender({
      connect: library.connectProducer,
      ensureTopics: (topics) => ensureTopics(admin, settings, topics),
    });
  return {
    name: "kafka",
    destinationOf: (type) => ({ system: "kafka", destination: topicOf(namespace, type) }),
    connectPublisher: async () => createPublisher(await connect(), namespace),
    connectSubscriber: async () => createSubscriber(settings, library, admin, await connect()),
    backlog(group, types) {
      const topics = types.map((type) => topicOf(namespace, type));
      const [groupId, drainId] = [topicOf(namespace, group), drainGroupOf(namespace, group)];
      return admin(`Counting what waits for ${group}`, (kafka) => measureBacklog(kafka, { groupId, drainId, topics }));
    },
    deadLetters: createDeadLetterRoad(settings, library, admin, share(connect)),
  };
}
