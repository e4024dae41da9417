import type { BrokerTopology, Demand, Look, Resource, Settings } from "../topology.ts";
import { type Binding, type DeclaredQueue, declarationsOf, type Exchange, exchangesOf, queueOf } from "./topology.ts";

/** What RabbitMQ imports and exports as `definitions.json`, less users and policies. */
export type Definitions = {
  readonly exchanges: readonly (Exchange & { readonly durable: boolean; readonly [more: string]: unknown })[];
  readonly queues: readonly (DeclaredQueue & { readonly durable: boolean; readonly [more: string]: unknown })[];
  readonly bindings: readonly {
    readonly source: string;
    readonly destination: string;
    readonly routing_key: string;
    readonly [more: string]: unknown;
  }[];
};

export type ManagementOptions = {
  /** `http://user:password@host:15672`; a path names the virtual host. */
  readonly url: string;
  readonly namespace: string;
  readonly workTypes: readonly string[];
};

const answerMs = 10_000;

/** Exchanges, queues and bindings, through the management plugin. */
export function openRabbitmqTopology(options: ManagementOptions, demand: Demand): BrokerTopology {
  const { namespace } = options;
  const definitions = definitionsOf(options, demand);
  const declared = resourcesIn(definitions);
  return {
    declared,
    look: async () => compare(declared, await call(options.url), namespace),
    async apply() {
      const { standings } = compare(declared, await call(options.url), namespace);
      const fixed = standings.filter((standing) => standing.found !== undefined && differs(standing));
      const missing = new Set(standings.filter(({ found }) => !found).map((standing) => standing.declared.name));
      await call(options.url, only(definitions, missing));
      if (fixed.length > 0) throw new Error(fixed.map(whatRabbitmqCannotChange).join("\n"));
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** All that the groups of a namespace need, in the form of `definitions.json`. */
export function definitionsOf(
  { namespace, workTypes }: Pick<ManagementOptions, "namespace" | "workTypes">,
  { groups }: Demand,
): Definitions {
  const parts = groups.map(({ group, types }) =>
    declarationsOf(namespace, queueOf(namespace, group, types, workTypes)),
  );
  const durable = { durable: true, auto_delete: false };
  return {
    exchanges: exchangesOf(namespace).map((exchange) => ({ ...exchange, ...durable, internal: false, arguments: {} })),
    queues: parts.flatMap(({ queues }) => queues.map((queue) => ({ ...queue, ...durable }))),
    bindings: parts.flatMap(({ bindings }) => bindings.map(toBinding)),
  };
}

function toBinding({ source, destination, routingKey }: Binding) {
  return { source, destination, destination_type: "queue", routing_key: routingKey, arguments: {} };
}

function resourcesIn({ exchanges, queues, bindings }: Definitions): Resource[] {
  return [
    ...exchanges.map(
      ({ name, type, durable }): Resource => ({
        kind: "exchange",
        name,
        settings: { type, durable: String(durable) },
      }),
    ),
    ...queues.map(
      ({ name, durable, arguments: args }): Resource => ({
        kind: "queue",
        name,
        settings: { durable: String(durable), ...texts(args) },
      }),
    ),
    ...bindings.map((binding): Resource => ({ kind: "binding", name: nameOf(binding), settings: {} })),
  ];
}

function nameOf({ source, destination, routing_key: key }: Definitions["bindings"][number]): string {
  return `${source} → ${destination} (${key})`;
}

function texts(args: Readonly<Record<string, string | number>>): Settings {
  return Object.fromEntries(Object.entries(args).map(([name, value]) => [name, String(value)]));
}

function compare(declared: readonly Resource[], actual: Definitions, namespace: string): Look {
  const found = new Map(resourcesIn(actual).map((resource) => [`${resource.kind} ${resource.name}`, resource]));
  const wanted = new Set(declared.map(({ kind, name }) => `${kind} ${name}`));
  const isOurs = ({ name }: Resource) => name.startsWith(`${namespace}.`);
  const others = [...found].filter(([id, resource]) => isOurs(resource) && !wanted.has(id));
  const settingsOf = ({ kind, name }: Resource): Settings | undefined => {
    const settings = found.get(`${kind} ${name}`)?.settings;
    return settings && kind === "queue"
      ? { ...settings, foreignExchanges: foreignTo(namespace, name, actual) }
      : settings;
  };
  return {
    standings: declared.map((resource) => ({ declared: resource, found: settingsOf(resource) })),
    others: others.map(([, { name }]) => name).sort(),
  };
}

/** Exchanges outside of the namespace to which its queue is bound. */
function foreignTo(namespace: string, queue: string, { bindings }: Definitions): string {
  const sources = bindings.flatMap(({ source, destination }) => (destination === queue ? [source] : []));
  return sources.filter((source) => !source.startsWith(`${namespace}.`)).join(" ");
}

function differs({ declared, found = {} }: Look["standings"][number]): boolean {
  return Object.entries(declared.settings).some(([name, value]) => found[name] !== value);
}

function only({ exchanges, queues, bindings }: Definitions, names: ReadonlySet<string>): Definitions {
  return {
    exchanges: exchanges.filter(({ name }) => names.has(name)),
    queues: queues.filter(({ name }) => names.has(name)),
    bindings: bindings.filter((binding) => names.has(nameOf(binding))),
  };
}

function whatRabbitmqCannotChange({ declared: { kind, name } }: Look["standings"][number]): string {
  return `RabbitMQ cannot change the ${kind} ${name}: empty and delete it while no service runs, then apply again`;
}

/** Exports the definitions of the virtual host, or imports some. */
async function call(url: string, definitions?: Definitions): Promise<Definitions> {
  const { origin, username, password, pathname } = new URL(url);
  const host = pathname.length > 1 ? pathname.slice(1) : encodeURIComponent("/");
  const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64");
  const answer = await fetch(`${origin}/api/definitions/${host}`, {
    method: definitions ? "POST" : "GET",
    headers: { authorization: `Basic ${login}`, "content-type": "application/json" },
    signal: AbortSignal.timeout(answerMs),
    ...(definitions && { body: JSON.stringify(definitions) }),
  });
  if (answer.ok) return (definitions ?? (await answer.json())) as Definitions;
  const reason = `RabbitMQ's management at ${origin} answered ${answer.status}: ${(await answer.text()).slice(0, 300)}`;
  throw new Error(answer.status === 401 ? `${reason}. The user needs the tag administrator` : reason);
}
