import { topology } from "@throughline/contracts/topology";
import { readSurroundings } from "@throughline/local/surroundings";
import { Command, InvalidArgumentError } from "commander";
import type { Address } from "./databases.ts";
import { type Period, periodOf } from "./period.ts";

export type CommandLine = {
  readonly period: Period;
  readonly addresses: readonly Address[];
  readonly isJson: boolean;
};

const services = [...new Set(topology.groups.map(({ service }) => service))];

/** Reads the arguments; where they are wrong, says why and ends the process with 2. */
export function readCommandLine(argv: readonly string[], now: Date): CommandLine {
  const command = new Command("npm run audit --")
    .description("Tells whether a message was lost or doubled, by what the databases of the services say.")
    .option("--from <moment>", "messages made from then on, UTC (default: yesterday)")
    .option("--to <moment>", "and before then; a day is meant whole (default: now)")
    .option(
      "--database <service=url...>",
      "where a service has its database (default: as npm start has them)",
      toAddress,
      [],
    )
    .option("--json", "prints one JSON object, and nothing else on stdout", false)
    .addHelpText("after", help)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .parse([...argv], { from: "user" });
  const { from, to, database, json } = command.opts<{
    from?: string;
    to?: string;
    database: Address[];
    json: boolean;
  }>();
  return { period: periodOf(from, to, now), addresses: addressesOf(database), isJson: json };
}

const help = `
Exits with 0 where nothing was lost or doubled, 1 where something was, 2 where that cannot be told: a database does not
answer, or no longer has what is asked for. What is set aside, or on its way, is told apart and is no loss.`;

function toAddress(value: string, given: readonly Address[]): Address[] {
  const [, service = "", url = ""] = /^([a-z]+)=(postgres(?:ql)?:\/\/.+)$/.exec(value) ?? [];
  if (services.includes(service) && URL.canParse(url)) return [...given, { service, url }];
  throw new InvalidArgumentError(
    `Expected ${services.join(", ")}, "=" and a URL: order=postgres://user:password@host:5432/name.`,
  );
}

/** Those given; the others, where there are any, as `npm start` has them. */
function addressesOf(given: readonly Address[]): Address[] {
  const { databaseOf } = readSurroundings({});
  return services.map((service) => {
    const own = given.find((address) => address.service === service);
    return own ?? { service, url: databaseOf?.(service) ?? "" };
  });
}
