import { isUtf8 } from "node:buffer";
import type { DeadLetter } from "../transport.ts";
import type { KafkaMessage, KafkaRecord } from "./library.ts";
import { failureHeaders, headerOf, redeliveryHeader, withoutLast } from "./records.ts";

/** Holds, as JSON, what of a record a letter's texts cannot hold. */
const recordHeader = "kafka.record";

/** Bytes are in base64. */
type Rest = {
  /** Where it is no text that Postgres keeps. */
  readonly key?: string;
  /** There was none, which is not the same as an empty one. */
  readonly value?: null;
  /** All of them, in order; without a value where that stands as a text beside this. */
  readonly headers?: readonly (readonly [name: string, value?: string])[];
};

/** What lies in a dead-letter topic. */
export function letterOf(message: KafkaMessage): DeadLetter {
  const { key, value } = message;
  const header = (name: string) => headerOf(message, name) ?? "";
  return {
    group: header("group"),
    origin: {
      name: header("originalTopic"),
      partition: Number(header("originalPartition")),
      offset: header("originalOffset"),
      ...(key === null ? {} : { key: key.toString() }),
    },
    body: value ?? Buffer.alloc(0),
    headers: textsOf({ key, value, headers: withoutLast(message.headers, failureHeaders) }),
    error: { name: header("errorName"), message: header("errorMessage"), stack: header("errorStack") },
    attempts: Number(header("attempts")),
    failedAt: new Date(header("failedAt")),
  };
}

/** The record that died, with the group that it is for. */
export function originalOf({ group, origin: { name, key }, body, headers: texts }: DeadLetter): KafkaRecord {
  const { [recordHeader]: json = "{}", ...plain } = texts;
  const { headers = Object.keys(plain).map((name) => [name] as const), ...rest }: Rest = JSON.parse(json);
  return {
    topic: name,
    key: rest.key === undefined ? (key ?? null) : Buffer.from(rest.key, "base64"),
    value: rest.value === null ? null : Buffer.from(body),
    headers: [
      ...headers.map(
        ([name, value]) => [name, value === undefined ? (plain[name] ?? "") : Buffer.from(value, "base64")] as const,
      ),
      [redeliveryHeader, group],
    ],
  };
}

function textsOf({ key, value, headers }: Pick<KafkaMessage, "key" | "value" | "headers">): DeadLetter["headers"] {
  const counts = Map.groupBy(headers, ([name]) => name);
  const isText = ([name, value]: KafkaMessage["headers"][number]) =>
    counts.get(name)?.length === 1 && isUtf8(value) && name !== recordHeader;
  const texts = headers.filter(isText).map(([name, value]) => [name, value.toString()]);
  const rest: Rest = {
    ...(key !== null && (!isUtf8(key) || key.includes(0)) && { key: key.toString("base64") }),
    ...(value === null && { value }),
    ...(texts.length < headers.length && {
      headers: headers.map((header) => (isText(header) ? [header[0]] : [header[0], header[1].toString("base64")])),
    }),
  };
  const isWhole = Object.keys(rest).length === 0;
  return { ...Object.fromEntries(texts), ...(!isWhole && { [recordHeader]: JSON.stringify(rest) }) };
}
