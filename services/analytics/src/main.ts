import { groupOf, roadSettings, roadsOf } from "@throughline/contracts/topology";
import { migrations as deadLetterTables, startDeadLetters } from "@throughline/dead-letters";
import { examineAtStart } from "@throughline/doctor";
import { migrations as inbox, startConsumer } from "@throughline/inbox";
import { migrate, openClaims, openDatabase, parseConfig, serveHttp, startService } from "@throughline/service";
import { openRoads } from "@throughline/transport";
import { routes } from "./http.ts";
import { reactions } from "./messages.ts";

const config = parseConfig({
  service: "analytics",
  port: 14_004,
  ...roadsOf("analytics"),
});
const own = { name: "analytics", folder: `${import.meta.dirname}/../migrations` };

// What is opened here closes in reverse: no more requests, no more messages, the database.
await using service = await startService(config);
await using database = await openDatabase(config);
await using _claims = await openClaims(config);
await migrate(database, [inbox, deadLetterTables, own]);
await examineAtStart(config, { database, reactions: { analytics: reactions }, log: service.log });

await using consumer = await service.part(
  "consumer",
  startConsumer(database.handle, "analytics", reactions, {
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
      { ...groupOf("analytics"), parks: config.parks, from: await openRoads(config.consumeFrom, roadSettings(config)) },
    ],
    alerts: config.alerts,
    onError: (error) => service.log.warn({ err: error }, "dead letters stay where they are for now"),
  }),
);
await using _http = await serveHttp(config, {
  routes: routes(database.handle),
  ready: { database: database.ping },
  status: async () => ({
    consumers: [{ ...consumer.status(), ...(await consumer.parked()), roads: await consumer.backlog() }],
    deadLetters: await deadLetters.status(),
  }),
});
await service.stopped;
