import { workPriority, workTypes } from "@throughline/contracts";
import type { Road, RoadSettings } from "@throughline/transport";
import { type ServiceName, serviceNames, type Teller, tellers } from "./flow.ts";
import { getJson } from "./http.ts";

/** Where everything is that the demo speaks to. */
export type Surroundings = {
  readonly services: { readonly [name in ServiceName]: string };
  readonly paymentProvider: string;
  readonly databases: { readonly [name in ServiceName]: string };
  readonly brokers: RoadSettings;
};

/** The roads by which messages leave now, with the types that leave by each. */
export type Roads = readonly { readonly road: Road; readonly service: Teller["service"]; readonly types: string[] }[];

/** The base of flow.md's ports. */
export const standardBasePort = 14_000;

/** The surroundings whose ports are laid out as in flow.md, from another base where there are several. */
export function surroundingsAt(basePort: number, namespace = "dev"): Surroundings {
  const at = (offset: number) => `127.0.0.1:${basePort + offset}`;
  const byService = (address: (name: ServiceName, number: number) => string) =>
    Object.fromEntries(serviceNames.map((name, index) => [name, address(name, index + 1)])) as Surroundings["services"];
  const login = "throughline:throughline";
  return {
    services: byService((_, number) => `http://${at(number)}`),
    paymentProvider: `http://${at(9)}`,
    databases: byService((name) => `postgres://${login}@${at(10)}/throughline_${name}`),
    brokers: {
      namespace,
      kafka: { brokers: [at(20)] },
      rabbitmq: { url: `amqp://${login}@${at(30)}` },
      snsSqs: {
        endpoint: `http://${at(40)}`,
        region: "us-east-1",
        credentials: { accessKeyId: "local", secretAccessKey: "local" },
      },
      work: { types: workTypes, priority: workPriority },
    },
  };
}

/** Rejects, naming all that is not ready and what to do about it. */
export async function requireReady({ services, paymentProvider }: Surroundings): Promise<void> {
  const addresses = Object.entries({ ...services, "payment provider": paymentProvider });
  const states = await Promise.all(addresses.map(([name, url]) => reasonNotReady(name, url)));
  const reasons = states.filter((reason) => reason !== undefined);
  if (reasons.length === 0) return;
  throw new Error(
    `Not everything is ready:\n${reasons.map((reason) => `  ${reason}`).join("\n")}\n` +
      "Start it with `npm start` or `docker compose up --wait`, or leave out --running, and the demo starts its own.",
  );
}

/** Asks the services which roads they publish to: on a machine without some broker, its messages take another one. */
export async function readRoads({ services }: Surroundings): Promise<Roads> {
  const perTeller = await Promise.all(
    tellers.map(async ({ service, types }) => {
      const { relay, consumers } = await getJson<Status>(`${services[service]}/status`);
      const workRoads = consumers.filter(({ group }) => group.endsWith(".work")).flatMap(({ roads }) => roads);
      const isForWork = ({ destination }: Destination) => workRoads.some(({ road }) => road === destination);
      // A service does not say by which road it sends which types, only by which its own work comes back.
      const eventRoads = relay.every(isForWork) ? relay : relay.filter((destination) => !isForWork(destination));
      return relay.map((destination) => ({
        road: destination.destination,
        service,
        types: types.filter((type) =>
          workTypes.includes(type) ? isForWork(destination) : eventRoads.includes(destination),
        ),
      }));
    }),
  );
  return perTeller.flat().filter(({ types }) => types.length > 0);
}

type Destination = { readonly destination: Road };
type Status = {
  readonly relay: readonly Destination[];
  readonly consumers: readonly { readonly group: string; readonly roads: readonly { readonly road: Road }[] }[];
};

async function reasonNotReady(name: string, url: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) });
    return response.ok ? undefined : `${name} at ${url} answers ${response.status}: ${await response.text()}`;
  } catch {
    return `${name} does not answer at ${url}`;
  }
}
