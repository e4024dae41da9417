import { Command } from "commander";

export type CommandLine = {
  readonly isApplied: boolean;
  readonly isJson: boolean;
  readonly isWritten: boolean;
  readonly printsDefinitions: boolean;
};

/** Reads the arguments; where they are wrong, says why and ends the process with 2. */
export function readCommandLine(argv: readonly string[]): CommandLine {
  const { apply, json, write, definitions } = new Command("npm run topology --")
    .description("Compares the topics, queues and bindings on the brokers with the manifest.")
    .option("--apply", "makes what is missing and changes what differs, and deletes nothing", false)
    .option("--json", "prints one JSON object, and nothing else on stdout", false)
    .option("--write", "writes infra/terraform/topology.auto.tfvars.json and infra/rabbitmq/definitions.json", false)
    .option("--definitions", "prints RabbitMQ's definitions for NAMESPACE, and looks at no broker", false)
    .addHelpText(
      "after",
      `
It looks at the brokers that the settings in the environment name (KAFKA_BROKERS, …, see .env.example), under NAMESPACE,
and where they name none, at what npm start runs. Exits with 0 where all is in step, 1 where something is missing or
differs, 2 where a broker could not be looked at or changed.`,
    )
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .parse([...argv], { from: "user" })
    .opts<{ apply: boolean; json: boolean; write: boolean; definitions: boolean }>();
  return { isApplied: apply, isJson: json, isWritten: write, printsDefinitions: definitions };
}
