import type { SpanContext } from "@opentelemetry/api";
import { mostLinks, traceBatch } from "../batch-span.ts";
import { toError } from "../reason.ts";
import type { Batch, KafkaMessage } from "./library.ts";
import { sampledTraceOf } from "./records.ts";

/** A fetch brings a batch from each of several partitions, and each has its span. */
export function traceReceipt({ topic, partition, messages, since }: Batch, group: string): SpanContext | undefined {
  return traceBatch(messages, sampledTraceOf, {
    ...{ operation: "receive", on: topic, count: messages.length, since },
    attributes: {
      ...ofGroup(group),
      "messaging.destination.name": topic,
      "messaging.destination.partition.id": `${partition}`,
    },
  });
}

/** What has ended since the last commit that went well: how many, and the first traces of those that are sampled. */
export type Settling = {
  add(message: KafkaMessage): void;
  /** A commit of all that, and its span. Where it fails, all of it is for the next one. */
  by(commit: () => Promise<void>): Promise<void>;
};

/** A commit is for whatever topics the group reads, so its span has the name of the group. */
export function createSettling(groupId: string, group: string): Settling {
  let count = 0;
  let traces: string[] = [];

  return {
    add(message) {
      count += 1;
      const traceparent = traces.length < mostLinks ? sampledTraceOf(message) : undefined;
      if (traceparent !== undefined) traces.push(traceparent);
    },
    async by(commit) {
      const settled = { count, traces };
      [count, traces] = [0, []];
      const tell = (since: number, error?: Error) =>
        traceBatch(settled.traces, String, {
          ...{ operation: "settle", on: groupId, count: settled.count, since, error },
          attributes: ofGroup(group),
        });
      const since = Date.now();
      try {
        await commit();
      } catch (thrown) {
        count += settled.count;
        traces = [...settled.traces, ...traces].slice(0, mostLinks);
        tell(since, toError(thrown));
        throw thrown;
      }
      tell(since);
    },
  };
}

function ofGroup(group: string) {
  return { "messaging.system": "kafka", "messaging.consumer.group.name": group };
}
