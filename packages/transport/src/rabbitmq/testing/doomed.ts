import { rabbitmqTransport } from "../../rabbitmq.ts";

/**
 * A process that tells its parent the keys of what it sees, and dies: as a consumer of what is deadly, in its handler; as
 * a drain, in its first lives, while it takes its third letter or when it has just taken it.
 */
const [role = "", url = "", namespace = "", group = "", type = "", lives = "0"] = process.argv.slice(2);
const work = { types: ["payment.requested"], priority: () => 4 };
const transport = rabbitmqTransport({ url, namespace, work });
const die = () => process.kill(process.pid, "SIGKILL");

if (role === "consumer") {
  const subscriber = await transport.connectSubscriber();
  await subscriber.subscribe({
    group,
    types: [type],
    async handler({ key }) {
      if (key === "deadly") die();
      await tell(key);
    },
  });
} else {
  let taken = 0;
  await transport.deadLetters.drain(group, [type], async ({ body }) => {
    await tell(JSON.parse(Buffer.from(body).toString()).key);
    taken += 1;
    if (taken !== 3 || Number(lives) >= 4) return;
    if (Number(lives) % 2 === 0) die();
    // Then the acknowledgement is written and has not left.
    process.nextTick(die);
  });
}

function tell(key: string): Promise<void> {
  return new Promise((resolve) => process.send?.(key, () => resolve()));
}
