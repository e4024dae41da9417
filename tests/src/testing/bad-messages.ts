import { randomUUID } from "node:crypto";
import type { Door } from "./doors.ts";

/** A body that is wrong in one way, and what its dead letter must say. */
export type BadMessage = { readonly what: string; readonly body: Buffer; readonly reason: RegExp };

/** Every way to be wrong that the door lets in. No two bodies are alike, whatever the door. */
export function badMessagesAt({ name, type, mostBytes, isBinary }: Door): BadMessage[] {
  const nest = "[".repeat(50_000) + "]".repeat(50_000);
  const like = (changes: object) => JSON.stringify({ ...envelopeOf(type, name), ...changes });
  const old = new Date(Date.now() - 31 * 86_400_000).toISOString();
  const room = mostBytes - like({ data: "" }).length;
  return [
    bad("a broken text", `{"source":"${name}"`, /characters that are not JSON/),
    bad("another text", JSON.stringify({ source: name }), /no envelope: id: .*; type: .*; key: /),
    bad("another version", like({ version: "2" }), new RegExp(`no reaction to ${type} version 2`)),
    bad("an unknown type", like({ type: "pizza.baked" }), /no (reaction|subscription) to pizza\.baked/),
    bad("other data", like({}), /data\.orderId: .*; data\./),
    bad("something forgotten", like({ timestamp: old }), /older than the inbox remembers/),
    bad("a deep nest", like({ data: 0 }).replace(/0}$/, `${nest}}`), /Not a message/),
    bad("as much as fits", like({ data: "x".repeat(room) }), /Not a message/),
    ...(isBinary ? [bad("bytes", Buffer.of(0xff, 0, 0xfe), /3 bytes that are not UTF-8/)] : []),
    ...(isBinary ? [bad("nothing", "", /0 characters that are not JSON/)] : []),
  ];
}

function bad(what: string, body: string | Buffer, reason: RegExp): BadMessage {
  return { what, body: Buffer.from(body), reason };
}

function envelopeOf(type: string, source: string) {
  const timestamp = new Date().toISOString();
  return {
    id: randomUUID(),
    type,
    version: "1",
    timestamp,
    source,
    key: "o-1",
    sequence: 1,
    correlationId: "c-1",
    data: {},
  };
}
