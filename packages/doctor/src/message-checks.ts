import { type Check, checkOf } from "./check.ts";

/** Checks that compare the databases of all services. */
export const checksOfMessages: readonly Check[] = [
  checkOf(
    "messages",
    {
      id: "namespace-owner",
      name: "What the services have handled last, they have told themselves.",
      severity: "suspicion",
    },
    ({ strangers }, { config: { namespace } }) => {
      const [first] = strangers;
      if (first === undefined) return undefined;
      const count = `${strangers.length} ${strangers.length === 1 ? "message" : "messages"}`;
      return {
        settings: ["NAMESPACE", "the databases of the services"],
        conflict: `NAMESPACE is ${namespace}, and by its names came ${count} that no outbox here has, such as ${first.id} to ${first.group}`,
        consequence: "another environment that has it shares queues and groups with this one, and takes messages of it",
        fix: "Give one of the two another NAMESPACE; npm run audit names what was lost and what came from elsewhere",
      };
    },
  ),
];
