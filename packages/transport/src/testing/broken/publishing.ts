import { type Envelope, newId, parseEnvelope, serializeEnvelope } from "@throughline/envelope";
import { createMemoryBroker } from "../../memory.ts";
import { PublishError } from "../../publish-error.ts";
import { memoryUnderTest } from "../memory-under-test.ts";
import { type BrokenTransport, breakPublisher, withPublish } from "./kit.ts";

const crossing = createMemoryBroker();

/** Wrong on the way in. */
export const brokenPublishing: readonly BrokenTransport[] = [
  {
    fault: "loses one message in a hundred",
    caughtBy: ["several hundred messages, published in calls side by side, arrive completely"],
    connect: withPublish((publish) => (envelopes) => publish(envelopes.filter((_, index) => index !== 57))),
  },
  {
    fault: "delivers twice",
    caughtBy: [
      "several hundred messages, published in calls side by side, arrive completely",
      "the members of a group share the work",
      "two subscribers and a publisher may declare the same at the same time",
    ],
    connect: withPublish((publish) => (envelopes) => publish([...envelopes, ...envelopes])),
  },
  {
    fault: "reverses what it is given",
    caughtBy: ["messages of one key come in order, one at a time"],
    connect: withPublish((publish) => (envelopes) => publish(envelopes.toReversed())),
  },
  {
    fault: "forgets the key",
    caughtBy: [
      "messages of one key come in order, one at a time",
      "a message that is tried again holds back the later ones of its key and no others",
      "the order of a key holds where several members share the work",
    ],
    connect(namespace) {
      const broker = createMemoryBroker();
      const publish = async (envelopes: readonly Envelope[]) => {
        for (const envelope of envelopes) {
          broker.publish(namespace, {
            type: envelope.type,
            key: newId(),
            headers: {},
            body: Buffer.from(serializeEnvelope(envelope)),
          });
        }
      };
      return breakPublisher(memoryUnderTest(namespace, broker), (publisher) => ({ ...publisher, publish }));
    },
  },
  {
    fault: "refuses to publish nothing",
    caughtBy: ["publishing nothing resolves"],
    connect: withPublish((publish) => async (envelopes) => {
      if (envelopes.length === 0) throw new Error("EmptyBatchRequest");
      await publish(envelopes);
    }),
  },
  {
    fault: "confirms what it has yet to send",
    caughtBy: ["what was published outlives its publisher"],
    connect: (namespace) =>
      breakPublisher(memoryUnderTest(namespace), (publisher) => {
        const unsent: Envelope[] = [];
        return {
          ...publisher,
          async publish(envelopes) {
            unsent.push(...envelopes);
            setImmediate(() => publisher.publish(unsent.splice(0)));
          },
          async [Symbol.asyncDispose]() {
            unsent.length = 0;
          },
        };
      }),
  },
  {
    fault: "replaces characters beyond ASCII",
    caughtBy: [
      "any characters survive to the byte, in the body as in the key",
      "a correlation id of any characters survives",
      "an envelope whose every field is at its longest arrives whole, and so does its dead letter",
    ],
    connect: withPublish((publish) => (envelopes) => publish(envelopes.map(inPlainAscii))),
  },
  {
    fault: "loses bodies over 128 KiB",
    caughtBy: ["bodies of up to 200 KiB arrive whole"],
    connect: withPublish(
      (publish) => (envelopes) => publish(envelopes.filter((envelope) => serializeEnvelope(envelope).length < 131_072)),
    ),
  },
  {
    fault: "drops the trace context",
    caughtBy: ["the trace context travels, and goes on in what a handler creates"],
    connect: withPublish(
      (publish) => (envelopes) => publish(envelopes.map(({ traceparent, ...envelope }): Envelope => envelope)),
    ),
  },
  {
    fault: "ignores the namespace",
    caughtBy: ["two namespaces never meet"],
    connect: () => memoryUnderTest("everyone", crossing),
  },
  {
    fault: "lets one that is too large fail all that go with it",
    caughtBy: ["an envelope that is too large is refused by its id, and what is not named arrives"],
    connect: withPublish((publish) => async (envelopes) => {
      const cause = new Error("MESSAGE_TOO_LARGE");
      if (envelopes.every((envelope) => serializeEnvelope(envelope).length <= 256 * 1_024)) await publish(envelopes);
      else throw new PublishError(envelopes.map(({ id }) => ({ id, refused: true, cause })));
    }),
  },
  {
    fault: "takes what nobody asked for, and loses it",
    caughtBy: ["a message that no group asked for is refused, and its neighbours arrive"],
    connect: memoryUnderTest,
  },
];

function inPlainAscii(envelope: Envelope): Envelope {
  return parseEnvelope(JSON.stringify(envelope).replace(/[^\x20-\x7e]/g, "?"));
}
