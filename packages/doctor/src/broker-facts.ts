import { differencesOf, openTopology } from "@throughline/transport/topology";
import type { BrokerFacts } from "./check.ts";

type Opening = Parameters<typeof openTopology>;

/** Looks at a broker. Changes nothing; rejects where it does not answer. */
export async function readBroker(...opening: Opening): Promise<BrokerFacts> {
  await using broker = await openTopology(...opening);
  const { standings } = await broker.look();
  const clockAheadMs = await readClock(...opening);
  return {
    found: new Map(standings.map(({ declared, found }) => [declared.name, { declared: declared.settings, found }])),
    cluster: (await broker.cluster?.()) ?? {},
    outOfStep: standings
      .filter((standing) => differencesOf(standing)?.length !== 0)
      .map(({ declared }) => declared.name),
    ...(clockAheadMs === undefined ? {} : { clockAheadMs }),
  };
}

/** From the `Date` of an HTTP answer, which has whole seconds; Kafka tells no time. */
async function readClock(...[road, { snsSqs, rabbitmqManagementUrl }]: Opening): Promise<number | undefined> {
  if (road === "kafka") return undefined;
  const address =
    road === "rabbitmq" ? rabbitmqManagementUrl : (snsSqs?.endpoint ?? `https://sqs.${snsSqs?.region}.amazonaws.com`);
  const askedAt = Date.now();
  const answer = await fetch(new URL(address ?? "").origin, { method: "HEAD", signal: AbortSignal.timeout(5_000) });
  const told = answer.headers.get("date");
  return told === null ? undefined : Date.parse(told) + 500 - (askedAt + Date.now()) / 2;
}
