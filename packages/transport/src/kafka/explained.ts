import { AwayError } from "../away-error.ts";
import { toError } from "../reason.ts";
import { isTransient } from "./errors.ts";
import type { KafkaSettings } from "./settings.ts";

/** Connects, or says which setting to look at; with an `AwayError` where that may be right. */
export async function explained<Result>(settings: KafkaSettings, connecting: Promise<Result>): Promise<Result> {
  try {
    return await connecting;
  } catch (cause) {
    const chain = chainOf(cause);
    const advice = advices.find(({ pattern }) => chain.some(({ name, message }) => pattern.test(`${name} ${message}`)));
    const reason = chain.at(-1)?.message.replace(/\.$/, "") ?? "";
    const look = advice === undefined ? "" : `. ${advice.look(settings)}`;
    const Kind = advice?.isCertain || !isTransient(cause) ? Error : AwayError;
    throw new Kind(`Kafka at ${settings.brokers.join(", ")} cannot be reached: ${reason}${look}`, { cause });
  }
}

type Advice = {
  readonly pattern: RegExp;
  readonly look: (settings: KafkaSettings) => string;
  /** Whether that setting is wrong: it will be so tomorrow, whereas a broker that is starting comes. */
  readonly isCertain: boolean;
};

const advices: readonly Advice[] = [
  {
    pattern: /authentication failed|SASL_AUTHENTICATION_FAILED|SASLAuthentication|invalid credentials/i,
    look: ({ sasl }) => `Look at sasl: is ${sasl?.username} a user by ${sasl?.mechanism}, and is that its password?`,
    isCertain: true,
  },
  {
    pattern: /current SASL state|ILLEGAL_SASL_STATE/i,
    look: () => "Look at sasl: no user is asked for at this address",
    isCertain: true,
  },
  {
    pattern: /certificate|altnames/i,
    look: () => "Look at ssl: give the authority's certificate as ssl.ca, or its file as NODE_EXTRA_CA_CERTS",
    isCertain: true,
  },
  {
    pattern: /before secure TLS|wrong version number|packet length too long/i,
    look: () => "Look at ssl: no TLS is spoken at this address",
    isCertain: true,
  },
  {
    pattern: /closed connection|connection closed|ECONNRESET|TLS/i,
    look: ({ ssl }) =>
      `Look at ${ssl ? "sasl: a user may be asked for" : "ssl and sasl: TLS, or a user, may be asked for"}`,
    isCertain: false,
  },
  {
    pattern: /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|timed? ?out/i,
    look: () => "Look at brokers: nobody answers there",
    isCertain: false,
  },
];

/** From the outermost to the innermost; of several side by side, the last. */
function chainOf(thrown: unknown): Error[] {
  const error = toError(thrown);
  const parts = "errors" in error && Array.isArray(error.errors) ? error.errors : [];
  const inner: unknown = parts.at(-1) ?? error.cause;
  return [error, ...(inner instanceof Error ? chainOf(inner) : [])];
}
