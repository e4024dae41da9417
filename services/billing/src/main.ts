import { eventTypes, workTypes } from "@throughline/contracts";
import { groupOf, roadSettings, roadsOf } from "@throughline/contracts/topology";
import { migrations as deadLetterTables, startDeadLetters } from "@throughline/dead-letters";
import { examineAtStart } from "@throughline/doctor";
import { migrations as eventStore } from "@throughline/event-store";
import { migrations as inbox, startConsumer } from "@throughline/inbox";
import { migrations as log } from "@throughline/log";
import { migrations as outbox, startRelay } from "@throughline/outbox";
import {
  migrate,
  openClaims,
  openDatabase,
  parseConfig,
  type Road,
  serveHttp,
  startService,
} from "@throughline/service";
import { type Failure, openRoads } from "@throughline/transport";
import { routes } from "./http.ts";
import { reactions, workReactions } from "./messages.ts";
import { connectPaymentProvider } from "./payment-provider.ts";

const config = parseConfig({
  service: "billing",
  port: 14_002,
  ...roadsOf("billing"),
});
const own = { name: "billing", folder: `${import.meta.dirname}/../migrations` };
// What is opened here closes in reverse: no more requests, no more messages, the last batch out, the database.
await using service = await startService(config);
const settings = roadSettings({
  ...config,
  rabbitmq: { ...config.rabbitmq, onError: (err: Error) => service.log.warn({ err }, "RabbitMQ") },
});
await using database = await openDatabase(config);
await using _claims = await openClaims(config);
await migrate(database, [log, eventStore, outbox, inbox, deadLetterTables, own]);
const provider = connectPaymentProvider(config.paymentProviderUrl, {
  timeoutMs: Math.ceil(config.handlerTimeoutMs / 2),
});
const work = workReactions(database.handle, provider);
await examineAtStart(config, { database, reactions: { billing: reactions, "billing.work": work }, log: service.log });

await using relay = await service.part(
  "relay",
  startRelay(database.handle, {
    to: (await openRoads(roads(), settings)).map((transport) => ({
      transport,
      types: typesOn(transport.name),
      from: config.publishFrom,
    })),
    onError: (error) => service.log.warn({ err: error }, "the relay will try again"),
  }),
);
const handling = {
  parks: config.parks,
  links: config.links,
  keysSideBySide: true,
  timeoutMs: config.handlerTimeoutMs,
  onFailure: ({ error, envelope, deadLettered }: Failure) =>
    service.log.warn({ err: error, type: envelope?.type, deadLettered }, "consuming goes on after a failure"),
};
await using consumer = await service.part(
  "consumer",
  startConsumer(database.handle, "billing", reactions, {
    from: await openRoads(config.consumeFrom, settings),
    ...handling,
  }),
);
await using worker = await service.part(
  "worker",
  startConsumer(database.handle, "billing.work", work, {
    from: await openRoads(config.workOn, settings),
    concurrency: config.handlerConcurrency,
    attempts: groupOf("billing.work").attempts,
    ...handling,
  }),
);
await using deadLetters = await service.part(
  "dead letters",
  startDeadLetters(database.handle, {
    groups: [
      { ...groupOf("billing"), parks: config.parks, from: await openRoads(config.consumeFrom, settings) },
      { ...groupOf("billing.work"), parks: config.parks, from: await openRoads(config.workOn, settings) },
    ],
    alerts: config.alerts,
    onError: (error) => service.log.warn({ err: error }, "dead letters stay where they are for now"),
  }),
);
await using _http = await serveHttp(config, {
  routes: routes(database.handle),
  ready: { database: database.ping },
  status: async () => ({
    relay: await relay.status(),
    consumers: [
      { ...consumer.status(), ...(await consumer.parked()), roads: await consumer.backlog() },
      { ...worker.status(), ...(await worker.parked()), roads: await worker.backlog() },
    ],
    deadLetters: await deadLetters.status(),
  }),
});
await service.stopped;

/** Every road that something leaves by, once. */
function roads(): Road[] {
  return [...new Set([...config.publishTo, ...config.workOn])];
}

function typesOn(road: string): string[] {
  const isOn = (list: readonly string[]) => list.includes(road);
  return [...(isOn(config.publishTo) ? eventTypes : []), ...(isOn(config.workOn) ? workTypes : [])];
}
