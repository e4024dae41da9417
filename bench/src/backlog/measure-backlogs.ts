import { memoryUsage } from "node:process";
import { type Drain, drainAll } from "../drain/measure-drain.ts";
import type { Round } from "../harness/bench.ts";
import { settle } from "../harness/raw-database.ts";

/** A backlog that is small, and then one that is ten times as large, in the same database. */
export async function measureBacklogs(databaseUrl: string, drain: Drain): Promise<Round> {
  const small = await measureBacklog(databaseUrl, 100_000, drain);
  const large = await measureBacklog(databaseUrl, 1_000_000, drain);
  return {
    figures: {
      "at 100 k": small.rate,
      "at 1 M": large.rate,
      "memory at 100 k": small.memory,
      "memory at 1 M": large.memory,
      "memory growth": large.memory - small.memory,
    },
    tallies: [small.tally, large.tally],
  };
}

async function measureBacklog(databaseUrl: string, messages: number, drain: Drain) {
  await drain.load(messages);
  await settle(databaseUrl);
  let most = 0;
  const sampler = setInterval(() => {
    most = Math.max(most, memoryUsage.rss());
  }, 100);
  const { seconds, tally } = await drainAll(messages, drain);
  clearInterval(sampler);
  return { rate: messages / seconds, memory: most / 2 ** 20, tally };
}
