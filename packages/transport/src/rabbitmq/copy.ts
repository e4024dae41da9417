import { newId } from "@throughline/envelope";
import type { ConsumeMessage } from "amqplib";
import { reasonOf } from "../reason.ts";
import type { Outgoing } from "./confirms.ts";
import type { Kind } from "./topology.ts";

export type Copy = Pick<Outgoing, "content" | "properties">;

export type Headers = Record<string, unknown>;

/** On a copy these would count what it has not seen, or send it where it does not belong. */
const notCopied = ["x-delivery-count", "x-acquired-count", "CC", "BCC"];

/**
 * The message as it came, bytes, properties and headers, with headers more. Left out are the expiry, after which the
 * copy would be gone, and the user id, which the broker takes from its owner only.
 */
export function copyOf({ content, properties }: ConsumeMessage, more: Headers): Copy {
  const { expiration, userId, clusterId, headers = {}, ...others } = properties;
  const copied = Object.entries(headers).filter(([name]) => !notCopied.includes(name));
  const messageId: string = others.messageId ?? newId();
  return { content, properties: { ...others, messageId, headers: { ...Object.fromEntries(copied), ...more } } };
}

export function withoutHeaders(message: ConsumeMessage): ConsumeMessage {
  return { ...message, properties: { ...message.properties, headers: {} } };
}

/** Where a message came in first, as its copies keep it. */
export function originOf({ fields, properties: { headers = {} } }: ConsumeMessage): Headers {
  return {
    "x-original-exchange": headers["x-original-exchange"] ?? fields.exchange,
    "x-original-routing-key": headers["x-original-routing-key"] ?? fields.routingKey,
  };
}

/** Why a message is set aside. */
export function failureOf(error: Error, attempts: number): Headers {
  const { name, message, stack } = reasonOf(error);
  return {
    "x-error-name": name,
    "x-error-message": message,
    "x-error-stack": stack,
    "x-failed-at": new Date().toISOString(),
    "x-attempts": attempts,
  };
}

/** How often the message was delivered before without an outcome; a classic queue says only that it was once more. */
export function deliveriesBefore({ fields, properties: { headers } }: ConsumeMessage, kind: Kind): number {
  const counted: unknown = headers?.["x-delivery-count"];
  const count = typeof counted === "number" ? counted : 0;
  if (kind === "work") return count + (fields.redelivered ? 1 : 0);
  return fields.redelivered ? count : 0;
}
