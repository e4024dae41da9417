import type { ConsumeMessage } from "amqplib";
import { createKeyQueue, type KeyQueue, type Pause } from "../key-queue.ts";
import { toError } from "../reason.ts";
import type { DeadLetter, DeadLetterRoad } from "../transport.ts";
import { sendConfirmed, sendOne } from "./confirms.ts";
import { askBroker, keepConnection } from "./connection.ts";
import { type Intake, startConsumer } from "./consumer.ts";
import { letterOf, messageOf } from "./letter.ts";
import type { Settings } from "./options.ts";
import { declareDeadLetters, queueOf } from "./topology.ts";

const lettersAtOnce = 10;
/** Before a letter that was not taken is offered again. */
const offerAgainMs = 1_000;
/** What taking a letter may still last when the drain closes. */
const lastTakeMs = 10_000;

type Take = Parameters<DeadLetterRoad["drain"]>[2];
type Offer = (message: ConsumeMessage) => Promise<Pause | undefined>;

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
  const offer = async (message: ConsumeMessage) => {
    try {
      await take(letterOf(message, group, queue.name));
      return undefined;
    } catch (thrown) {
      onError(toError(thrown));
      return { delayMs: offerAgainMs };
    }
  };
  await using opening = new AsyncDisposableStack();
  const connection = opening.use(await keepConnection(settings, "dead letters"));
  opening.use(
    await startConsumer(connection, settings, {
      queue: queue.deadLetters,
      group,
      declare: (channel) => declareDeadLetters(channel, namespace, queue),
      works,
      concurrency: lettersAtOnce,
      patienceMs: lastTakeMs,
      receive: (intake) => createReceiver(intake, works, offer),
      onError,
    }),
  );
  return opening.move();
}

function createReceiver({ channel, isOpen, settle, left }: Intake, works: KeyQueue, offer: Offer) {
  return async (message: ConsumeMessage) => {
    const isTaken = await works.add(`${message.properties.messageId}`, async () =>
      isOpen() ? offer(message) : undefined,
    );
    if (!isTaken) await left;
    if (isTaken) settle(message);
    else if (isOpen()) channel.nack(message, false, true);
  };
}

/** Into the group's own queue, past the exchange, for no other group has missed it. */
async function redeliver(settings: Settings, letter: DeadLetter): Promise<void> {
  const notConfirmed = await askBroker(settings, "redelivery", async (model) => {
    const channel = await model.createConfirmChannel();
    // What closes the channel also fails what is sent over it.
    channel.on("error", () => undefined);
    const failure = await sendOne(sendConfirmed(channel), messageOf(letter));
    // Where that has closed it, there is nothing to close.
    await Promise.allSettled([channel.close()]);
    return failure;
  });
  if (notConfirmed) throw new Error(`The dead letter stays out of ${letter.origin.name}`, notConfirmed);
}
