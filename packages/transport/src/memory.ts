import { newId } from "@throughline/envelope";
import { createMemoryBroker, enqueue, type MemoryBroker, type MemoryMessage } from "./memory/broker.ts";
import { startDrain } from "./memory/drain.ts";
import { createMemoryLine, type MemoryLine } from "./memory/line.ts";
import { joinGroup } from "./memory/member.ts";
import { createPublisher } from "./memory/publisher.ts";
import type { DeadLetter, Subscriber, Transport } from "./transport.ts";

export { createMemoryBroker, type MemoryBroker } from "./memory/broker.ts";
export { createMemoryLine, type MemoryLine } from "./memory/line.ts";

export type MemoryTransportOptions = {
  /** Default: `dev`. */
  readonly namespace?: string;
  /** Transports that share it meet. Default: a broker of its own. */
  readonly broker?: MemoryBroker;
  /** Where a test cuts this transport off from its broker. Default: a line that nobody cuts. */
  readonly line?: MemoryLine;
};

/** A broker inside this process, with the semantics of a real one and the lifetime of the process. */
export function memoryTransport({
  namespace = "dev",
  broker = createMemoryBroker(),
  line = createMemoryLine(),
}: MemoryTransportOptions = {}): Transport {
  return {
    name: "memory",
    destinationOf: (type) => ({ system: "memory", destination: `${namespace}.${type}` }),
    connectPublisher: async () => createPublisher(broker, namespace, line),
    connectSubscriber: async () => createSubscriber(broker, namespace, line),
    async backlog(group, types) {
      await line.carry();
      const { queue, shelf } = broker.group(namespace, group);
      const deadLetters = [...shelf.letters].filter(({ type }) => types.includes(type)).length;
      return { waiting: queue.size, deadLetters };
    },
    deadLetters: {
      async drain(group, types, take, onError = () => {}) {
        await line.carry();
        return startDrain({ shelf: broker.group(namespace, group).shelf, types, line, take, onError });
      },
      async redeliver(letter) {
        await line.carry();
        enqueue(broker.group(namespace, letter.group), messageIn(letter));
      },
    },
  };
}

function createSubscriber(broker: MemoryBroker, namespace: string, line: MemoryLine): Subscriber {
  const leaving: (() => Promise<void>)[] = [];
  let isClosed = false;
  return {
    async subscribe(subscription) {
      if (isClosed) throw new Error("This subscriber is closed");
      await line.carry();
      leaving.push(joinGroup(broker.group(namespace, subscription.group), subscription, line));
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      await Promise.all(leaving.map((leave) => leave()));
    },
  };
}

function messageIn({ body, headers, origin }: DeadLetter): MemoryMessage {
  return { type: headers.eventType ?? "", key: origin.key ?? newId(), headers, body: Buffer.from(body) };
}
