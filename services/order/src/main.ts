import { eventTypes } from "@throughline/contracts";
import { groupOf, roadSettings, roadsOf } from "@throughline/contracts/topology";
import { migrations as deadLetterTables, startDeadLetters } from "@throughline/dead-letters";
import { examineAtStart } from "@throughline/doctor";
import { migrations as eventStore } from "@throughline/event-store";
import { migrations as inbox, startConsumer } from "@throughline/inbox";
import { migrations as log } from "@throughline/log";
import { migrations as outbox, startRelay } from "@throughline/outbox";
import {
  migrate,
  openAccess,
  openClaims,
  openDatabase,
  parseConfig,
  serveHttp,
  startService,
} from "@throughline/service";
import { openRoads } from "@throughline/transport";
import { mapError, routes } from "./http.ts";
import { reactions } from "./messages.ts";
import { startTimeOuts } from "./time-outs.ts";

const config = parseConfig({
  service: "order",
  port: 14_001,
  access: true,
  ...roadsOf("order"),
});
const own = { name: "order", folder: `${import.meta.dirname}/../migrations` };

// What is opened here closes in reverse: no more requests, no more messages, the last batch out, the database.
await using service = await startService(config);
await using database = await openDatabase(config);
await using _claims = await openClaims(config);
await migrate(database, [log, eventStore, outbox, inbox, deadLetterTables, own]);
await examineAtStart(config, { database, reactions: { order: reactions }, log: service.log });

await using relay = await service.part(
  "relay",
  startRelay(database.handle, {
    to: (await openRoads(config.publishTo, roadSettings(config))).map((transport) => ({
      transport,
      types: eventTypes,
      from: config.publishFrom,
    })),
    onError: (error) => service.log.warn({ err: error }, "the relay will try again"),
  }),
);
await using consumer = await service.part(
  "consumer",
  startConsumer(database.handle, "order", reactions, {
    from: await openRoads(config.consumeFrom, roadSettings(config)),
    keysSideBySide: true,
    timeoutMs: config.handlerTimeoutMs,
    parks: config.parks,
    links: config.links,
    onFailure: ({ error, envelope, deadLettered }) =>
      service.log.warn({ err: error, type: envelope?.type, deadLettered }, "consuming goes on after a failure"),
  }),
);
await using deadLetters = await service.part(
  "dead letters",
  startDeadLetters(database.handle, {
    groups: [
      { ...groupOf("order"), parks: config.parks, from: await openRoads(config.consumeFrom, roadSettings(config)) },
    ],
    alerts: config.alerts,
    onError: (error) => service.log.warn({ err: error }, "dead letters stay where they are for now"),
  }),
);
await using _timeOuts = startTimeOuts(database.handle, {
  orderTimeoutMs: config.orderTimeoutMs,
  onError: (error) => service.log.warn({ err: error }, "time-outs will be looked at again"),
});
await using _http = await serveHttp(config, {
  routes: routes(database.handle, openAccess(config)),
  mapError,
  ready: { database: database.ping },
  status: async () => ({
    relay: await relay.status(),
    consumers: [{ ...consumer.status(), ...(await consumer.parked()), roads: await consumer.backlog() }],
    deadLetters: await deadLetters.status(),
  }),
});
await service.stopped;
