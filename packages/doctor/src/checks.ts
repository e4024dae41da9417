import { type Check, checkOf, type Part } from "./check.ts";
import { checksOfDatabase } from "./database-checks.ts";
import { checksOfKafka } from "./kafka-checks.ts";
import { checksOfMessages } from "./message-checks.ts";
import { checksOfRabbitmq } from "./rabbitmq-checks.ts";
import { checksOfSettings } from "./settings-checks.ts";
import { checksOfSnsSqs } from "./sns-sqs-checks.ts";

/** Everything that is checked, in the order in which it is told. docs/doctor.md has a row for each. */
export const checks: readonly Check[] = [
  ...checksOfSettings,
  ...checksOfDatabase,
  inStep("snsSqs", "sns-sqs-in-step"),
  ...checksOfSnsSqs,
  inStep("kafka", "kafka-in-step"),
  ...checksOfKafka,
  inStep("rabbitmq", "rabbitmq-in-step"),
  ...checksOfRabbitmq,
  ...checksOfMessages,
];

function inStep(part: Exclude<Part, "settings" | "database" | "messages">, id: string): Check {
  const name = "What is on the broker is what the manifest says.";
  return checkOf(part, { id, name, severity: "suspicion" }, ({ outOfStep }) => {
    const [first, ...others] = outOfStep;
    if (first === undefined) return undefined;
    const more = others.length > 0 ? ` and ${others.length} more` : "";
    return {
      settings: ["packages/contracts/src/topology.ts", first],
      conflict: `${first}${more} is missing or differs from the manifest`,
      consequence: "what is published before a service makes it may reach nobody",
      fix: "npm run topology tells all of it, and with --apply makes it so",
    };
  });
}
