import { createHash } from "node:crypto";
import type { Message } from "@aws-sdk/client-sqs";
import type { Envelope } from "@throughline/envelope";

/** As SNS and SQS take them; both have the same shape. */
export type Attributes = Record<string, { readonly DataType: string; readonly StringValue: string }>;

/** As they may come from others: also numbers and bytes, and types with a label, such as `Number.cents`. */
export type TypedAttributes = NonNullable<Message["MessageAttributes"]>;

/** SNS discards a message with more, and tells nobody; SQS refuses it. */
export const mostAttributes = 10;

/** What is there to route and filter by; the last only where something is traced. All else is in the body alone. */
export const sentAttributes = ["eventType", "schemaVersion", "correlationId", "traceparent"] as const;

export function attributesOf({ type, version, correlationId, traceparent }: Envelope): Attributes {
  const texts = { eventType: type, schemaVersion: version, correlationId };
  return toAttributes({ ...texts, ...(traceparent === undefined ? {} : { traceparent }) } satisfies Sent);
}

type Sent = { readonly [name in (typeof sentAttributes)[number]]?: string };

export function traceparentOf({ MessageAttributes }: Message): string | undefined {
  return MessageAttributes?.traceparent?.StringValue;
}

/** Throws where they are too many. Characters that AWS takes in no text become U+FFFD: the body has the original. */
export function toAttributes(texts: Readonly<Record<string, string>>): Attributes {
  const entries = Object.entries(texts);
  if (entries.length > mostAttributes) {
    const names = entries.map(([name]) => name).join(", ");
    throw new Error(
      `${entries.length} attributes, and AWS takes ${mostAttributes} with a message: leave out of ${names}`,
    );
  }
  return Object.fromEntries(entries.map(([name, value]) => [name, text(value)]));
}

/** Holds, as JSON, the types of those that are no plain texts. */
const typesHeader = "sqs.types";

/** The headers of a letter, from which `fromHeaders` makes the same attributes again. Bytes are in base64. */
export function toHeaders(attributes: TypedAttributes): Readonly<Record<string, string>> {
  const entries = Object.entries(attributes);
  const types = entries.flatMap(([name, { DataType }]) => (DataType === "String" ? [] : [[name, DataType]]));
  const texts = entries.map(([name, { StringValue, BinaryValue = "" }]) => [
    name,
    StringValue ?? Buffer.from(BinaryValue).toString("base64"),
  ]);
  const typed = types.length > 0 && { [typesHeader]: JSON.stringify(Object.fromEntries(types)) };
  return { ...Object.fromEntries(texts), ...typed };
}

/** Throws where they are too many. */
export function fromHeaders({ [typesHeader]: types = "{}", ...texts }: Readonly<Record<string, string>>) {
  const attributes: TypedAttributes = toAttributes(texts);
  for (const [name, DataType] of Object.entries(JSON.parse(types) as Readonly<Record<string, string>>)) {
    const value = texts[name] ?? "";
    const isBinary = DataType.startsWith("Binary");
    attributes[name] = {
      DataType,
      ...(isBinary ? { BinaryValue: Buffer.from(value, "base64") } : { StringValue: value }),
    };
  }
  return attributes;
}

/** AWS refuses an empty text. */
export function text(value: string): Attributes[string] {
  return { DataType: "String", StringValue: value.replace(refusedCharacters, "\ufffd") || "(none)" };
}

/** FIFO orders by it: the key, or its digest where AWS would refuse the key as a group id. */
export function groupIdOf(key: string): string {
  return /^[!-~]{1,128}$/.test(key) ? key : createHash("sha256").update(key).digest("hex");
}

const refusedCharacters = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;
