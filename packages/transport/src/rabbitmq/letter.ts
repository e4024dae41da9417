import type { ConsumeMessage, Options } from "amqplib";
import type { DeadLetter } from "../transport.ts";
import type { Outgoing } from "./confirms.ts";
import type { Headers } from "./copy.ts";
import { deliveryLimit } from "./topology.ts";

/** In front of the name of each AMQP property in a letter's headers: `amqp.messageId`, `amqp.priority`. */
const property = "amqp.";
/** Holds, as JSON, the headers that are no text or would be taken for a property. */
const otherHeaders = `${property}headers`;
const texts = ["messageId", "type", "correlationId", "appId", "contentType", "contentEncoding", "replyTo"];
const numbers = ["timestamp", "priority"];
const ofFailure =
  /^x-(error-(name|message|stack)|original-(exchange|routing-key)|failed-at|attempts|death|first-death-.*|last-death-.*|delivery-count|acquired-count)$/;

/** What lies in a dead-letter queue, whether one of us put it there or the broker by itself. */
export function letterOf(message: ConsumeMessage, group: string, queue: string): DeadLetter {
  const { content, properties } = message;
  const headers: Headers = properties.headers ?? {};
  return {
    group,
    origin: { name: queue },
    body: content,
    headers: headersOf(properties, headers),
    ...(typeof headers["x-error-name"] === "string" ? setAsideByUs(headers) : setAsideByBroker(headers)),
  };
}

/** The message as it came, for the queue that it came to; what it waits from now on begins now. */
export function messageOf({ origin, body, headers }: DeadLetter): Outgoing {
  const properties = [...texts, ...numbers].flatMap((name) => {
    const value = headers[`${property}${name}`];
    return value === undefined ? [] : [[name, numbers.includes(name) ? Number(value) : value] as const];
  });
  const own = Object.entries(headers).filter(([name]) => !name.startsWith(property));
  const others: Headers = JSON.parse(headers[otherHeaders] ?? "{}", revive);
  return {
    exchange: "",
    routingKey: origin.name,
    content: Buffer.from(body),
    properties: {
      ...Object.fromEntries(properties),
      headers: { ...Object.fromEntries(own), ...others, ...("sentAt" in headers && { sentAt: String(Date.now()) }) },
    },
  };
}

function headersOf(properties: Options.Publish, headers: Headers): DeadLetter["headers"] {
  const own = Object.entries(properties).flatMap(([name, value]: [string, unknown]) => {
    const isKept = value !== undefined && (texts.includes(name) || numbers.includes(name));
    return isKept ? [[`${property}${name}`, `${value}`] as const] : [];
  });
  const came = Object.entries(headers).filter(([name]) => !ofFailure.test(name));
  const isText = ([name, value]: readonly [string, unknown]) => typeof value === "string" && !name.startsWith(property);
  const others = came.filter((header) => !isText(header));
  return {
    ...Object.fromEntries(own),
    ...Object.fromEntries(came.filter(isText).map(([name, value]) => [name, `${value}`])),
    ...(others.length > 0 && { [otherHeaders]: JSON.stringify(Object.fromEntries(others)) }),
  };
}

type Fate = Pick<DeadLetter, "error" | "attempts" | "failedAt">;

function setAsideByUs(headers: Headers): Fate {
  const stack = headers["x-error-stack"];
  const text = (name: string) => String(headers[name] ?? "");
  return {
    error: {
      name: text("x-error-name"),
      message: text("x-error-message"),
      ...(typeof stack === "string" && { stack }),
    },
    attempts: Number(headers["x-attempts"] ?? 1),
    failedAt: dateOf(headers["x-failed-at"]),
  };
}

/** The latest of what the broker notes of its dead-lettering (https://www.rabbitmq.com/docs/dlx#effects). */
type Death = { readonly reason?: string; readonly time?: { readonly value?: number } };

const deaths: Record<string, { readonly message: string; readonly attempts: number }> = {
  delivery_limit: {
    message: `delivered more than ${deliveryLimit} times without an outcome: it may kill whoever handles it`,
    attempts: deliveryLimit + 1,
  },
  expired: { message: "its time to live had passed", attempts: 0 },
  maxlen: { message: "the queue was full", attempts: 0 },
  rejected: { message: "a consumer rejected it, and gave no reason", attempts: 1 },
};

function setAsideByBroker(headers: Headers): Fate {
  // This header as well can be written by anybody.
  const [death]: readonly (Death | null)[] = Array.isArray(headers["x-death"]) ? headers["x-death"] : [];
  if (!death) return fate("it was put there from outside, without a reason", 0, new Date());
  const reason = `${death.reason}`;
  const known = Object.hasOwn(deaths, reason) ? deaths[reason] : undefined;
  const { message, attempts } = known ?? { message: reason, attempts: 0 };
  return fate(message, attempts, dateOf(1_000 * (death.time?.value ?? Number.NaN)));
}

function fate(message: string, attempts: number, failedAt: Date): Fate {
  return { error: { name: "BrokerDeadLetter", message: `RabbitMQ set it aside: ${message}` }, attempts, failedAt };
}

/** Headers can be written by anybody: where no time can be read, now stands for it. */
function dateOf(value: unknown): Date {
  const date = new Date(typeof value === "number" ? value : String(value));
  return Number.isNaN(date.getTime()) ? new Date() : date;
}

function revive(_name: string, value: unknown): unknown {
  const isObject = typeof value === "object" && value !== null;
  const isBytes = isObject && "type" in value && value.type === "Buffer" && "data" in value;
  return isBytes && Array.isArray(value.data) ? Buffer.from(value.data) : value;
}
