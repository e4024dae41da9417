import { groupOf } from "@throughline/contracts/topology";
import { type Check, checkOf } from "./check.ts";
import { clockFault } from "./clock.ts";

/** Checks that ask RabbitMQ's management plugin. */
export const checksOfRabbitmq: readonly Check[] = [
  checkOf(
    "rabbitmq",
    {
      id: "rabbitmq-delivery-limit",
      name: "RabbitMQ delivers a message more often than it is attempted.",
      severity: "contradiction",
    },
    ({ found }, { config: { namespace } }) => {
      for (const [name, { found: queue }] of found) {
        const limit = queue?.["x-delivery-limit"];
        if (limit === undefined || name.endsWith(".dlq")) continue;
        const { group, attempts } = groupOf(name.slice(namespace.length + 1));
        if (Number(limit) > attempts) continue;
        return {
          settings: [`x-delivery-limit of ${name}`, `attempts of ${group}`],
          conflict: `x-delivery-limit of ${name} is ${limit}, and ${group} makes ${attempts} attempts`,
          consequence: "RabbitMQ sets messages aside before the last attempt, without a reason beside them",
          fix: `Empty and delete ${name} while no service runs, then npm run topology -- --apply`,
        };
      }
      return undefined;
    },
  ),
  checkOf(
    "rabbitmq",
    {
      id: "rabbitmq-dead-letters",
      name: "What RabbitMQ sets aside itself has an exchange and a queue to go to.",
      severity: "contradiction",
    },
    ({ found }) => {
      for (const [name, { declared, found: queue }] of found) {
        const exchange = declared["x-dead-letter-exchange"];
        if (queue === undefined || exchange === undefined) continue;
        const binding = `${exchange} → ${name}.dlq (${name})`;
        const isBound = found.get(binding)?.found !== undefined && found.get(`${name}.dlq`)?.found !== undefined;
        if (queue["x-dead-letter-exchange"] === exchange && isBound) continue;
        return {
          settings: [`x-dead-letter-exchange of ${name}`, binding],
          conflict: `x-dead-letter-exchange of ${name} is ${queue["x-dead-letter-exchange"] ?? "not set"}, and the binding ${binding} is ${isBound ? "there" : "not there"}`,
          consequence: "a message that kills its consumers is dropped, or comes again for ever",
          fix: "npm run topology -- --apply makes what is missing, and says what to delete",
        };
      }
      return undefined;
    },
  ),
  checkOf(
    "rabbitmq",
    {
      id: "rabbitmq-namespace",
      name: "A queue hears from the exchanges of its own namespace alone.",
      severity: "contradiction",
    },
    ({ found }, { config: { namespace } }) => {
      for (const [name, { found: queue }] of found) {
        const exchanges = queue?.foreignExchanges ?? "";
        if (exchanges === "") continue;
        return {
          settings: [`bindings of ${name}`, "NAMESPACE"],
          conflict: `${name} is bound to ${exchanges}, and NAMESPACE is ${namespace}`,
          consequence: "what happens in another environment has its effects in this one",
          fix: "Delete these bindings, or give one of the environments another NAMESPACE",
        };
      }
      return undefined;
    },
  ),
  checkOf(
    "rabbitmq",
    { id: "clock-rabbitmq", name: "The clocks of process and RabbitMQ agree.", severity: "suspicion" },
    ({ clockAheadMs = 0 }) => clockFault("RabbitMQ", clockAheadMs),
  ),
];
