import { z } from "zod";
import { soundBaggage } from "./baggage.ts";
import type { Envelope } from "./envelope.ts";
import { RejectedError } from "./rejected-error.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });
const text = z.string().min(1).max(255);
const envelopeSchema = z.object({
  id: z.uuid(),
  type: z
    .string()
    .max(100)
    .regex(/^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+$/, "expected noun.verb in lower case"),
  version: z.string().regex(/^[1-9][0-9]{0,3}$/, 'expected a major version such as "1"'),
  // There was no year 0, and Postgres has none.
  timestamp: z.iso.datetime({ precision: 3 }).refine((at) => !at.startsWith("0000"), "expected a year that there was"),
  source: text,
  // Where a key waits for a person, Postgres keeps it, and it keeps every character but this one.
  key: text.regex(/^[^\0]*$/, "expected no NUL"),
  sequence: z.int().positive(),
  correlationId: text,
  causationId: text.optional(),
  traceparent: z
    .string()
    .regex(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/, "expected a W3C traceparent of version 00")
    .optional(),
  // Said along with a message, and no part of it: no message fails for it.
  baggage: z.unknown().transform(soundBaggage).optional(),
  dataref: text.optional(),
  data: z.unknown().refine((data) => data !== undefined, "expected a value"),
});

/**
 * The wire text on the envelope itself, in a private field, which no spread, comparison or JSON sees. (A `WeakMap` costs
 * ten times as much.)
 */
class WireText extends (itself as unknown as new (envelope: Envelope) => Envelope) {
  readonly #wire: string;

  constructor(envelope: Envelope, wire: string) {
    super(envelope);
    this.#wire = wire;
  }

  static of(envelope: Envelope): string | undefined {
    return #wire in envelope ? envelope.#wire : undefined;
  }
}

/**
 * The text that goes on every wire: JSON in ASCII (`\u` escapes), because some brokers and emulators refuse or damage
 * anything else. An envelope that came from `restoreEnvelope` or `parseEnvelope` goes out in exactly the bytes it had.
 */
export function serializeEnvelope(envelope: Envelope): string {
  const stored = WireText.of(envelope);
  if (stored !== undefined) return stored;
  const { id, type, version, timestamp, source, key, sequence } = envelope;
  const { correlationId, causationId, traceparent, baggage, dataref, data } = envelope;
  const json = JSON.stringify({
    id,
    type,
    version,
    timestamp,
    source,
    key,
    sequence,
    correlationId,
    causationId,
    traceparent,
    baggage,
    dataref,
    data,
  });
  return json.replace(/[\u0080-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * Reads what came over a wire. Throws a `RejectedError` that lists every fault by its path, as does its cause. Of `baggage`,
 * what is not of the form is left out, and is no fault.
 */
export function parseEnvelope(body: string | Uint8Array): Envelope {
  const wire = typeof body === "string" ? body : decode(body);
  const result = envelopeSchema.safeParse(parseJson(wire));
  if (!result.success) {
    const faults = result.error.issues.map((issue) => `${issue.path.join(".") || "(root)"}: ${issue.message}`);
    const cause = result.error.issues.map(({ path, message }) => ({ path, message }));
    throw new RejectedError(`This is no envelope: ${faults.join("; ")}`, { cause });
  }
  return new WireText(result.data as Envelope, wire);
}

/**
 * An envelope whose wire text is already there, as in an outbox row. Nothing is parsed unless somebody reads `data`,
 * and `serializeEnvelope` returns `wire` as it is.
 */
export function restoreEnvelope(header: Omit<Envelope, "data">, wire: string): Envelope {
  return new WireText(Object.defineProperty({ ...header } as Envelope, "data", dataInWire), wire);
}

const dataInWire: PropertyDescriptor & ThisType<Envelope> = {
  enumerable: true,
  configurable: true,
  get() {
    const { data } = JSON.parse(serializeEnvelope(this)) as Envelope;
    Object.defineProperty(this, "data", { value: data });
    return data;
  },
};

function itself(envelope: Envelope): Envelope {
  return envelope;
}

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new RejectedError(`This is no envelope: ${bytes.byteLength} bytes that are not UTF-8`, { cause });
  }
}

function parseJson(wire: string): unknown {
  try {
    return JSON.parse(wire);
  } catch (cause) {
    throw new RejectedError(`This is no envelope: ${wire.length} characters that are not JSON`, { cause });
  }
}
