import { problem } from "@throughline/service";
import type { z } from "zod";
import { tracesBody } from "./spans.ts";

/** The media type in which an SDK sends spans unless it is told otherwise. */
export const protobuf = "application/x-protobuf";

/**
 * What OTLP sends to `/v1/traces` in protobuf, in the shape that it has as JSON: of an ExportTraceServiceRequest
 * (https://github.com/open-telemetry/opentelemetry-proto) the fields that are read here. Throws a problem for other bytes.
 */
export function readProtobuf(bytes: Buffer): z.infer<typeof tracesBody> {
  try {
    return tracesBody.parse(request(bytes));
  } catch (cause) {
    throw problem(400, "Bad Request", { detail: "The body is no ExportTraceServiceRequest in protobuf" }, { cause });
  }
}

type Read = (content: Buffer) => unknown;
/** Puts what it reads into the message that the field is of. */
type Field = (message: Record<string, unknown>, content: Buffer) => void;

const value = message({
  1: one("stringValue", text),
  2: one("boolValue", (content) => integer(content) !== 0),
  3: one("intValue", integer),
  4: one("doubleValue", (content) => content.readDoubleLE()),
});
const attributes = many("attributes", message({ 1: one("key", text), 2: one("value", value) }));
const span = message({
  1: one("traceId", hex),
  2: one("spanId", hex),
  4: one("parentSpanId", hex),
  5: one("name", text),
  7: one("startTimeUnixNano", time),
  8: one("endTimeUnixNano", time),
  9: attributes,
  13: many("links", message({ 2: one("spanId", hex) })),
  15: one("status", message({ 2: one("message", text), 3: one("code", integer) })),
});
const scopeSpans = message({ 2: many("spans", span) });
const resourceSpans = message({ 1: one("resource", message({ 1: attributes })), 2: many("scopeSpans", scopeSpans) });
const request = message({ 1: many("resourceSpans", resourceSpans) });

function message(fields: Readonly<Record<number, Field>>): Read {
  return (bytes) => {
    const read: Record<string, unknown> = {};
    for (const [number, content] of fieldsIn(bytes)) fields[number]?.(read, content);
    return read;
  };
}

function one(name: string, read: Read): Field {
  return (message, content) => {
    message[name] = read(content);
  };
}

function many(name: string, read: Read): Field {
  return (message, content) => {
    const all = (message[name] as unknown[] | undefined) ?? [];
    message[name] = all;
    all.push(read(content));
  };
}

function text(content: Buffer): string {
  return content.toString();
}

function hex(content: Buffer): string {
  return content.toString("hex");
}

function time(content: Buffer): bigint {
  return content.readBigUInt64LE();
}

function integer(content: Buffer): number {
  const bits = content.reduceRight((higher, byte) => (higher << 7n) | BigInt(byte & 0x7f), 0n);
  return Number(BigInt.asIntN(64, bits));
}

/** Each field's number and its bytes, as https://protobuf.dev/programming-guides/encoding has them. */
function* fieldsIn(bytes: Buffer): Generator<readonly [number: number, content: Buffer]> {
  let at = 0;
  while (at < bytes.length) {
    const tag = varint();
    const length = lengthOf(tag % 8);
    const content = bytes.subarray(at, at + length);
    if (content.length !== length) throw new RangeError(`The bytes end within a field at ${at}`);
    at += length;
    yield [Math.floor(tag / 8), content];
  }

  function lengthOf(wireType: number): number {
    if (wireType === 0) return bytes.subarray(at).findIndex((byte) => byte < 0x80) + 1 || Number.POSITIVE_INFINITY;
    if (wireType === 1) return 8;
    if (wireType === 2) return varint();
    if (wireType === 5) return 4;
    throw new RangeError(`A field at ${at} is of wire type ${wireType}`);
  }

  function varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes.readUInt8(at);
      at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }
}
