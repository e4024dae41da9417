import type { Baggage } from "./baggage.ts";
import { currentCause } from "./cause.ts";
import { newId } from "./id.ts";

/** What a service has to tell: something that happened (`order.created`) to one entity (`key`). */
export type Message<Data = unknown> = {
  /** noun.verb in the past tense; work to be done ends the same way (`payment.requested`). */
  readonly type: string;
  /** The major version of `data`. */
  readonly version: string;
  /** The id of the entity that the message is about. Messages of one key keep their order. */
  readonly key: string;
  readonly data: Data;
  /** Give one (see `deriveId`) where telling the same thing again must be recognised. Default: a new UUIDv7. */
  readonly id?: string;
};

/** A message as it travels. The field names and meanings are the same on every broker. */
export type Envelope<Data = unknown> = {
  /** UUIDv7. A redelivery carries the same id: it is the key of every inbox. */
  readonly id: string;
  readonly type: string;
  readonly version: string;
  /** ISO 8601, UTC, with milliseconds: when the message was created. */
  readonly timestamp: string;
  /** The service that tells it, `order-service`. */
  readonly source: string;
  readonly key: string;
  /** Counts the messages of this source about this key: 1, 2, 3 … without a gap. */
  readonly sequence: number;
  /** The same on every message that one request caused. */
  readonly correlationId: string;
  /** The id of the message that caused this one; absent on the first. */
  readonly causationId?: string;
  /** W3C trace context of the moment of creation; absent where nothing is traced. */
  readonly traceparent?: string;
  /** What the caller said along with the request; absent where it said nothing that is carried. */
  readonly baggage?: Baggage;
  /** Where the data is that was too big to travel; `data` is then null, until it is put in again (see `claims`). */
  readonly dataref?: string;
  readonly data: Data;
};

/** Returning means done, throwing means again, `RejectedError` means never. */
export type Handler = (envelope: Envelope) => Promise<void>;

/** Where a message comes from, as far as its sender knows: `currentCause` supplies the rest. */
export type Origin = {
  readonly source: string;
  /** Default: 1. The outbox counts. */
  readonly sequence?: number;
  /** Default: that of the current cause. */
  readonly traceparent?: string | undefined;
};

/**
 * Puts a message into its envelope. Correlation, causation, trace and baggage come from the message or request that is
 * being handled (`runCausedBy`); outside of one, the message starts a correlation of its own.
 */
export function createEnvelope<Data>(message: Message<Data>, origin: Origin): Envelope<Data> {
  const cause = currentCause();
  const id = message.id ?? newId();
  const traceparent = origin.traceparent ?? cause?.traceparent;
  return {
    id,
    type: message.type,
    version: message.version,
    timestamp: new Date().toISOString(),
    source: origin.source,
    key: message.key,
    sequence: origin.sequence ?? 1,
    correlationId: cause?.correlationId ?? id,
    ...(cause?.id === undefined ? {} : { causationId: cause.id }),
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(cause?.baggage === undefined ? {} : { baggage: cause.baggage }),
    data: message.data,
  };
}
