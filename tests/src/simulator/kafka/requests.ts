import type { Reply, What, World } from "../world.ts";
import type { Cluster } from "./cluster.ts";

let present: { readonly world: World; readonly cluster: Cluster } | undefined;

/** The cluster that all clients of this thread meet. */
export function enterCluster(world: World, cluster: Cluster): void {
  present = { world, cluster };
}

export function theCluster(): { readonly world: World; readonly cluster: Cluster } {
  if (present === undefined) throw new Error("Nobody has entered a cluster");
  return present;
}

/** A request to the cluster. Rejects like a broken connection while it is down. */
export function ask<Answer>(what: What, serve: (cluster: Cluster, reply: Reply<Answer>) => void): Promise<Answer> {
  const { world, cluster } = theCluster();
  return world.request<Answer>(
    () => `kafka: ${what()}`,
    (reply) => {
      if (cluster.isDown) reply.reject(connectionError());
      else serve(cluster, reply);
    },
  );
}

/** As kafkajs throws it when a connection breaks; it says so of itself that trying again may help. */
export function connectionError(): Error {
  return Object.assign(new Error("Connection error: the broker does not answer"), {
    name: "KafkaJSConnectionError",
    retriable: true,
  });
}

/** As kafkajs throws what a broker answered: `MESSAGE_TOO_LARGE`. */
export function protocolError(type: string): Error {
  return Object.assign(new Error(`The broker says ${type}`), { name: "KafkaJSProtocolError", type, retriable: false });
}
