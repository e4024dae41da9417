import { eventTypes } from "@throughline/contracts";
import { groupOf, roadSettings, roadsOf } from "@throughline/contracts/topology";
import { migrations as deadLetterTables, startDeadLetters } from "@throughline/dead-letters";
import { examineAtStart } from "@throughline/doctor";
import { migrations as eventStore } from "@throughline/event-store";
import { migrations as inbox, startConsumer } from "@throughline/inbox";
import { migrations as log } from "@throughline/log";
import { migrations as outbox, startRelay } from "@throughline/outbox";
import { migrate, openClaims, openDatabase, parseConfig, serveHttp, startService } from "@throughline/service";
import { openRoads } from "@throughline/transport";
import { mapError, routes } from "./http.ts";
import { reactions } from "./messages.ts";

const config = parseConfig({
  service: "inventory",
  port: 14_003,
  ...roadsOf("inventory"),
});
const own = { name: "inventory", folder: `${import.meta.dirname}/../migrations` };

// What is opened here closes in reverse: no more requests, no more messages, the last batch out, the database.
await using service = await startService(config);
await using database = await openDatabase(config);
await using _claims = await openClaims(config);
await migrate(database, [log, eventStore, outbox, inbox, deadLetterTables, own]);
await examineAtStart(config, { database, reactions: { inventory: reactions }, log: service.log });

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
  startConsumer(database.handle, "inventory", reactions, {
    from: await openRoads(config.consumeFrom, roadSettings(config)),
    timeoutMs: config.handlerTimeoutMs,
    keysSideBySide: true,
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
      { ...groupOf("inventory"), parks: config.parks, from: await openRoads(config.consumeFrom, roadSettings(config)) },
    ],
    alerts: config.alerts,
    onError: (error) => service.log.warn({ err: error }, "dead letters stay where they are for now"),
  }),
);
await using _http = await serveHttp(config, {
  routes: routes(database.handle),
  mapError,
  ready: { database: database.ping },
  status: async () => ({
    relay: await relay.status(),
    consumers: [{ ...consumer.status(), ...(await consumer.parked()), roads: await consumer.backlog() }],
    deadLetters: await deadLetters.status(),
  }),
});
await service.stopped;
