import { createKeyQueue } from "../key-queue.ts";
import { toError } from "../reason.ts";
import type { DeadLetter, DeadLetterRoad } from "../transport.ts";
import { sendConfirmed, sendOne } from "./confirms.ts";
import { askBroker, keepConnection } from "./connection.ts";
import { startConsumer } from "./consumer.ts";
import { letterOf, messageOf } from "./letter.ts";
import type { Settings } from "./options.ts";
import { declareDeadLetters, queueOf } from "./topology.ts";

const lettersAtOnce = 10;
/** Before a letter that was not taken is offered again. */
const offerAgainMs = 1_000;
/** What taking a letter may still last when the drain closes. */
const lastTakeMs = 10_000;

type Take = Parameters<DeadLetterRoad["drain"]>[2];

export function deadLetterRoad(settings: Settings): DeadLetterRoad {
  return {
    drain: (group, types, take, onError = settings.onError) => drain({ ...settings, onError }, group, types, take),
    redeliver: (letter) => redeliver(settings, letter),
  };
}

async function drain(
  settings: Settings,
  group: string,
  types: readonly string[],
  take: Take,
): Promise<AsyncDisposable> {
  const { namespace, work, onError } = settings;
  const queue = queueOf(namespace, group, types, work.types);
  const works = createKeyQueue(lettersAtOnce);
  await using opening = new AsyncDisposableStack();
  const connection = opening.use(await keepConnection(settings, "dead letters"));
  opening.use(
    await startConsumer(connection, settings, {
      queue: queue.deadLetters,
      declare: (channel) => declareDeadLetters(channel, namespace, queue),
      works,
      concurrency: lettersAtOnce,
      patienceMs: lastTakeMs,
      receive:
        ({ channel, isOpen }) =>
        async (message) => {
          const letter = letterOf(message, group, queue.name);
          const isTaken = await works.add(`${message.properties.messageId}`, async () => {
            if (!isOpen()) return undefined;
            try {
              await take(letter);
            } catch (thrown) {
              onError(toError(thrown));
              return { delayMs: offerAgainMs };
            }
            if (isOpen()) channel.ack(message);
            return undefined;
          });
          if (!isTaken && isOpen()) channel.nack(message, false, true);
        },
      onError,
    }),
  );
  return opening.move();
}

/** Into the group's own queue, past the exchange, for no other group has missed it. */
async function redeliver(settings: Settings, letter: DeadLetter): Promise<void> {
  const notConfirmed = await askBroker(settings, async (model) => {
    const channel = await model.createConfirmChannel();
    // What closes the channel also fails what is sent over it.
    channel.on("error", () => undefined);
    const failure = await sendOne(sendConfirmed(channel), messageOf(letter));
    if (failure === undefined) await channel.close();
    return failure;
  });
  if (notConfirmed) throw new Error(`The dead letter stays out of ${letter.origin.name}`, notConfirmed);
}
