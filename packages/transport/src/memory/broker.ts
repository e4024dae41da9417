import { setImmediate } from "node:timers/promises";
import { createKeyQueue, type KeyQueue, type Pause } from "../key-queue.ts";
import type { Reason } from "../reason.ts";

/** Bytes and what stands beside them, as on any broker. */
export type MemoryMessage = {
  readonly type: string;
  readonly key: string;
  readonly body: Buffer;
  readonly traceparent?: string | undefined;
};

export type MemoryDeadLetter = MemoryMessage & { readonly reason: Reason };

/** A subscriber in its group. */
export type Member = {
  readonly concurrency: number;
  readonly inFlight: Set<Promise<unknown>>;
  /** Handles the message or sets it aside; a pause where it is to be delivered again. Never rejects. */
  deliver(message: MemoryMessage, attempt: number): Promise<Pause | undefined>;
};

/** A durable queue per group, bound to types. */
export type MemoryGroup = {
  /** `dev.billing`. */
  readonly name: string;
  readonly types: Set<string>;
  readonly members: Set<Member>;
  /** Messages that wait, pause or are being handled: one at a time per key, whichever member has it. */
  readonly queue: KeyQueue;
  readonly deadLetters: MemoryDeadLetter[];
};

export type MemoryBroker = {
  publish(namespace: string, message: MemoryMessage): void;
  /** Made when it is first asked for. */
  group(namespace: string, name: string): MemoryGroup;
};

export function createMemoryBroker(): MemoryBroker {
  const namespaces = new Map<string, Map<string, MemoryGroup>>();

  function groupsOf(namespace: string): Map<string, MemoryGroup> {
    const groups = namespaces.get(namespace) ?? new Map<string, MemoryGroup>();
    namespaces.set(namespace, groups);
    return groups;
  }

  return {
    publish(namespace, message) {
      for (const group of groupsOf(namespace).values()) {
        if (group.types.has(message.type)) enqueue(group, message);
      }
    },
    group(namespace, name) {
      const groups = groupsOf(namespace);
      const group = groups.get(name) ?? createGroup(`${namespace}.${name}`);
      groups.set(name, group);
      return group;
    },
  };
}

function createGroup(name: string): MemoryGroup {
  const members = new Set<Member>();
  const places = () => [...members].reduce((sum, member) => sum + member.concurrency, 0);
  return { name, types: new Set(), members, queue: createKeyQueue(places), deadLetters: [] };
}

function enqueue(group: MemoryGroup, message: MemoryMessage): void {
  let attempt = 0;
  void group.queue.add(message.key, async () => {
    // A broker is never in the publisher's call stack.
    await setImmediate();
    const member = freest(group.members);
    if (member === undefined) return { delayMs: 0 };
    attempt += 1;
    const delivery = member.deliver(message, attempt);
    member.inFlight.add(delivery);
    return delivery.finally(() => member.inFlight.delete(delivery));
  });
}

function freest(members: ReadonlySet<Member>): Member | undefined {
  const free = [...members].filter(({ inFlight, concurrency }) => inFlight.size < concurrency);
  return free.sort((a, b) => a.inFlight.size / a.concurrency - b.inFlight.size / b.concurrency)[0];
}
