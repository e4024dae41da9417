import { withDefaults } from "../subscription.ts";
import type { Subscriber } from "../transport.ts";
import { type Account, createClients } from "./clients.ts";
import { createGroup, type Group, type GroupOptions } from "./group.ts";

export function createSubscriber(account: Account, options: GroupOptions): Subscriber {
  const clients = createClients(account);
  const groups = new Map<string, Group>();
  let isClosed = false;
  return {
    async subscribe(incomplete) {
      if (isClosed) throw new Error("This subscriber is closed");
      const subscription = withDefaults(incomplete);
      const group = groups.get(subscription.group) ?? createGroup(clients, options, subscription.group);
      groups.set(subscription.group, group);
      await group.add(subscription);
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      await Promise.all([...groups.values()].map((group) => group[Symbol.asyncDispose]()));
      clients.destroy();
    },
  };
}
