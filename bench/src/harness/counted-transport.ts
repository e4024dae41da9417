import type { Transport } from "@throughline/transport";

/** The same transport; tells how many envelopes its broker has confirmed. */
export function countedTransport(transport: Transport, onConfirmed: (count: number) => void): Transport {
  return {
    ...transport,
    async connectPublisher() {
      const publisher = await transport.connectPublisher();
      return {
        async publish(envelopes) {
          await publisher.publish(envelopes);
          onConfirmed(envelopes.length);
        },
        [Symbol.asyncDispose]: () => publisher[Symbol.asyncDispose](),
      };
    },
  };
}
