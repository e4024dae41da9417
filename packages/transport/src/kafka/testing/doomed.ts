import { kafkaTransport } from "../../kafka.ts";

/** A process of the group, which tells its parent what it begins and ends, and dies of messages whose key says so. */
const [options = "{}"] = process.argv.slice(2);
const subscriber = await kafkaTransport(JSON.parse(options)).connectSubscriber();
await subscriber.subscribe({
  group: "billing",
  types: ["order.created"],
  concurrency: 5,
  attempts: 3,
  async handler({ id, key }) {
    await tell({ begun: id });
    if (key === "deadly") process.kill(process.pid, "SIGKILL");
    await tell({ ended: id });
  },
});
process.once("SIGTERM", async () => {
  await subscriber[Symbol.asyncDispose]();
  process.disconnect?.();
});

function tell(what: Readonly<Record<string, string>>): Promise<void> {
  return new Promise((resolve) => process.send?.(what, () => resolve()));
}
