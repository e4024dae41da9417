import { setTimeout as delay } from "node:timers/promises";
import type { Consumer } from "kafkajs";
import { toError } from "../reason.ts";
import { type CompleteSubscription, tellFailure } from "../subscription.ts";
import { assignByPartition } from "./assigner.ts";
import { createAssignment } from "./assignment.ts";
import { createClient, isTransient, type KafkaSettings, within } from "./client.ts";
import { createIntake, type SetAside } from "./intake.ts";
import { topicOf } from "./topics.ts";

/** A member of the group, until it is closed. */
export type Member = { close(): Promise<void> };

export type MemberNeeds = {
  /** Before each start, because a topic may have been deleted since the last. */
  readonly createTopics: () => Promise<void>;
  readonly setAside: SetAside;
};

/** How long a fetch waits at the broker for messages, and so how long an idle member takes to stop. */
const fetchWaitMs = 250;
/** A fresh cluster creates its own topics at the first join, which takes a small one a while. */
const firstStartWithinMs = 60_000;
const startAgainAfterMs = 1_000;
const leaveWithinMs = 5_000;

/** Resolves once the group has given this member its partitions. */
export async function joinGroup(
  settings: KafkaSettings,
  subscription: CompleteSubscription,
  { createTopics, setAside }: MemberNeeds,
): Promise<Member> {
  const topics = subscription.types.map((type) => topicOf(settings.namespace, type));
  const intake = createIntake(subscription, setAside);
  let assignment = createAssignment(tellError);
  let consumer: Consumer | undefined;
  let restart: NodeJS.Timeout | undefined;
  let isClosing = false;
  await startFirst();

  return {
    async close() {
      isClosing = true;
      clearTimeout(restart);
      await intake.stop();
      await leave();
    },
  };

  async function startFirst(): Promise<void> {
    const deadline = performance.now() + firstStartWithinMs;
    for (;;) {
      try {
        return await start();
      } catch (error) {
        if (!isTransient(error) || performance.now() > deadline) throw error;
        await delay(startAgainAfterMs);
      }
    }
  }

  async function start(): Promise<void> {
    const starting = createConsumer(settings, subscription.group);
    consumer = starting;
    let isStarted = false;
    let crash: Error | undefined;
    starting.on("consumer.rebalancing", () => assignment.end());
    starting.on("consumer.group_join", () => {
      assignment.lose();
      assignment = createAssignment(tellError);
      starting.resume(starting.paused());
    });
    // kafkajs starts a consumer anew only after some errors; after the others it would be dead without a word.
    starting.on("consumer.crash", ({ payload: { error } }) => {
      crash = error;
      if (isStarted) startAgain(error);
    });
    try {
      await createTopics();
      await starting.connect();
      await starting.subscribe({ topics, fromBeginning: true });
      await starting.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        // All that one fetch brings goes to the intake at once, which holds none back for another.
        partitionsConsumedConcurrently: 64,
        eachBatch: (payload) => intake.take(payload, assignment),
      });
      if (crash !== undefined) throw crash;
      isStarted = true;
    } catch (error) {
      await Promise.allSettled([starting.disconnect()]);
      throw error;
    }
  }

  function startAgain(reason: unknown): void {
    assignment.lose();
    if (isClosing) return;
    tellError(new Error(`The consumer of ${subscription.group} stopped and starts again`, { cause: reason }));
    restart = setTimeout(() => start().then(leaveIfClosing, startAgain), startAgainAfterMs);
  }

  async function leaveIfClosing(): Promise<void> {
    if (isClosing) await leave();
  }

  /** What could not be committed comes again: that is told, and no reason to fail. */
  async function leave(): Promise<void> {
    const left = assignment.end().then(() => consumer?.disconnect());
    try {
      await within(leaveWithinMs, `Leaving the group ${subscription.group}`, left);
    } catch (error) {
      tellError(error);
    }
  }

  function tellError(error: unknown): void {
    tellFailure(subscription, { error: toError(error), deadLettered: false });
  }
}

function createConsumer(settings: KafkaSettings, group: string): Consumer {
  return createClient(settings).consumer({
    groupId: topicOf(settings.namespace, group),
    partitionAssigners: [assignByPartition],
    sessionTimeout: settings.sessionTimeoutMs,
    heartbeatInterval: settings.sessionTimeoutMs / 10,
    rebalanceTimeout: 30_000,
    maxWaitTimeInMs: fetchWaitMs,
    // What is fetched is held in memory: these bound it, whatever the backlog.
    maxBytesPerPartition: 512 * 1_024,
    maxBytes: 4 * 1_024 * 1_024,
    allowAutoTopicCreation: false,
    retry: { restartOnFailure: async () => false },
  });
}
