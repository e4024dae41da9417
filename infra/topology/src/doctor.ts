import { readSurroundings } from "@throughline/local/surroundings";
import { Command, Option } from "commander";
import { type Diagnoses, diagnose, services } from "./diagnosis.ts";
import { toText } from "./doctor-table.ts";

/** `npm run doctor`. The result goes to stdout, all else to stderr. */
const { json, service } = new Command("npm run doctor --")
  .description("Looks for settings that contradict each other, in the environment, the databases and the brokers.")
  .option("--json", "prints one JSON object, and nothing else on stdout", false)
  .addOption(new Option("--service <name>", "only this one; DATABASE_URL is then its own").choices([...services]))
  .addHelpText(
    "after",
    `
It looks at what the settings in the environment name (see .env.example), and where they name nothing, at what npm start
runs. Exits with 0 where nothing contradicts, 1 where something does, 2 where something could not be looked at.`,
  )
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse(process.argv)
  .opts<{ json: boolean; service?: string }>();

try {
  const surroundings = readSurroundings();
  // The AWS SDK looks for its credentials there and nowhere else.
  for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) {
    if (surroundings.env[name]) process.env[name] = surroundings.env[name];
  }
  console.error(`Looking at ${surroundings.source}.`);
  const diagnoses = await diagnose(surroundings, service === undefined ? services : [service]);
  const isTerminal = process.stdout.isTTY === true && !process.env.NO_COLOR;
  console.log(json ? JSON.stringify(toJson(diagnoses), undefined, 2) : toText(diagnoses, isTerminal));
  process.exitCode = exitCodeOf(diagnoses);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}

function exitCodeOf({ places, unreached }: Diagnoses): 0 | 1 | 2 {
  const faults = places.flatMap(({ findings }) => findings).filter(({ state }) => state === "fault");
  if (faults.some(({ check }) => check.severity === "contradiction")) return 1;
  return unreached.length > 0 ? 2 : 0;
}

function toJson({ places, unreached }: Diagnoses) {
  return {
    unreached,
    places: places.map(({ place, findings }) => ({
      place,
      findings: findings.map(({ check: { id, name, severity }, state, fault }) => ({
        id,
        name,
        severity,
        state,
        ...(fault && { fault }),
      })),
    })),
  };
}
