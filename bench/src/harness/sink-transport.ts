import type { Transport } from "@throughline/transport";

/** A broker that takes everything at once and delivers nothing. */
export function sinkTransport(take: (id: string) => void): Transport {
  return {
    name: "sink",
    connectPublisher: async () => ({
      async publish(envelopes) {
        for (const { id } of envelopes) take(id);
      },
      async [Symbol.asyncDispose]() {},
    }),
    connectSubscriber: nobodySubscribes,
    backlog: nobodySubscribes,
    deadLetters: { drain: nobodySubscribes, redeliver: nobodySubscribes },
  };
}

function nobodySubscribes(): Promise<never> {
  return Promise.reject(new Error("Nobody subscribes to a sink"));
}
