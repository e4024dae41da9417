import { type KafkaOptions, kafkaTransport } from "../../kafka.ts";
import type { UnderTest } from "../../testing.ts";
import { buildRoad } from "./road.ts";
import { brokers } from "./shop.ts";
import { connectStranger } from "./stranger.ts";

/** The least that a broker takes, unless it is told otherwise (`group.min.session.timeout.ms`). */
const leaseMs = 6_000;

/** Kafka as the suite wants it, by either client. */
export async function kafkaUnderTest(
  namespace: string,
  client: NonNullable<KafkaOptions["client"]>,
): Promise<UnderTest> {
  await using opening = new AsyncDisposableStack();
  const line = opening.use(await buildRoad(brokers[0] ?? ""));
  const stranger = opening.use(await connectStranger(brokers));
  const opened = opening.move();
  return {
    transport: kafkaTransport({
      brokers: [line.address],
      namespace,
      client,
      partitions: 3,
      sessionTimeoutMs: leaseMs,
    }),
    line,
    leaseMs,
    tooLargeBytes: 1_100_000,
    probe: {
      publishRaw: (type, bytes) => stranger.send(`${namespace}.${type}`, Buffer.from(bytes)),
      async deadLetters(_group, type, count) {
        const messages = await stranger.read(`${namespace}.${type}.DLT`, count);
        return messages.map(({ value, headers }) => ({
          body: value ?? Buffer.alloc(0),
          reason: String(headers?.errorMessage),
        }));
      },
    },
    dispose: () => opened.disposeAsync(),
  };
}
