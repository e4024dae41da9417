import { setImmediate } from "node:timers/promises";
import { createKeyQueue, type KeyQueue, type Pause } from "../key-queue.ts";
import { createShelf, type Shelf } from "./shelf.ts";

/** Bytes and what stands beside them, as on any broker. */
export type MemoryMessage = {
  readonly type: string;
  readonly key: string;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
};

/** A subscriber in its group, for as long as its line holds. */
export type Member = {
  readonly concurrency: number;
  /** How to end each delivery under way without an outcome: the message is then delivered again. */
  readonly inFlight: Set<() => void>;
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
  readonly shelf: Shelf;
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
  return { name, types: new Set(), members, queue: createKeyQueue(places), shelf: createShelf() };
}

/** The attempts are counted where the message is, so that they survive whoever makes them. */
export function enqueue(group: MemoryGroup, message: MemoryMessage): void {
  let attempt = 0;
  void group.queue.add(message.key, async () => {
    // A broker is never in the publisher's call stack.
    await setImmediate();
    const member = freest(group.members);
    if (member === undefined) return { delayMs: 0 };
    attempt += 1;
    return deliver(member, message, attempt);
  });
}

function deliver(member: Member, message: MemoryMessage, attempt: number): Promise<Pause | undefined> {
  const { promise, resolve } = Promise.withResolvers<Pause | undefined>();
  const takeBack = () => resolve({ delayMs: 0 });
  member.inFlight.add(takeBack);
  void member.deliver(message, attempt).then(resolve);
  return promise.finally(() => member.inFlight.delete(takeBack));
}

function freest(members: ReadonlySet<Member>): Member | undefined {
  const free = [...members].filter(({ inFlight, concurrency }) => inFlight.size < concurrency);
  return free.sort((a, b) => a.inFlight.size / a.concurrency - b.inFlight.size / b.concurrency)[0];
}
