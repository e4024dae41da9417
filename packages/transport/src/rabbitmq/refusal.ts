import { toError } from "../reason.ts";

/** Codes of AMQP 0-9-1 that mean something to us (https://www.rabbitmq.com/amqp-0-9-1-reference.html#constants). */
export const amqp = { notFound: 404, preconditionFailed: 406 } as const;

/** What the broker gave as its reason. Undefined where it was not the broker that said no. */
export function amqpCodeOf(error: unknown): number | undefined {
  const code = codeOf(error);
  return typeof code === "number" ? code : undefined;
}

/** Whether the same would be refused again: by the broker, or by one end to the certificate of the other. */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    amqpCodeOf(error) !== undefined || refusals.some(({ says }) => says.test(signOf(error))) || isRefusal(error.cause)
  );
}

/** Why no connection came about, with the setting that may be wrong. */
export function explained(thrown: unknown): Error {
  const cause = toError(thrown);
  const known = [...refusals, greeting].find(({ says }) => says.test(signOf(cause)));
  return known ? new Error(`${known.means}. RabbitMQ's end said: ${cause.message.trim()}`, { cause }) : cause;
}

const refusals = [
  { says: /ACCESS.REFUSED/, means: "The user or the password in url is wrong" },
  { says: /ConnectionOpenOk/, means: "The virtual host that url ends in is not there, or not for this user" },
  {
    says: /SELF_SIGNED_CERT|UNABLE_TO_(GET_ISSUER|VERIFY)|CERT_SIGNATURE_FAILURE/,
    means: "Nobody here knows who signed the broker's certificate: give that authority's as tls.ca",
  },
  { says: /ERR_TLS_CERT_ALTNAME_INVALID/, means: "The broker's certificate is for another host than the one in url" },
  { says: /CERT_HAS_EXPIRED/, means: "The broker's certificate has expired" },
  {
    says: /ALERT_(CERTIFICATE_REQUIRED|UNKNOWN_CA|BAD_CERTIFICATE)|ALERT_CERTIFICATE_UNKNOWN/,
    means: "The broker wants a certificate of its clients: give tls.cert and tls.key, signed by an authority it knows",
  },
  { says: /WRONG_VERSION_NUMBER/, means: "The port in url speaks no TLS, and url begins with amqps://" },
];

/** A broker that is starting does this, too, so the same may go well in a moment. */
const greeting = {
  says: /ECONNRESET|Socket closed abruptly during opening handshake/,
  means: "The port in url closed without a greeting. If it takes TLS only, url begins with amqps://",
};

function signOf(error: Error): string {
  return `${codeOf(error)} ${error.message}`;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
