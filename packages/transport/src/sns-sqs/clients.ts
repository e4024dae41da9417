import { SNSClient, type SNSClientConfig } from "@aws-sdk/client-sns";
import { SQSClient } from "@aws-sdk/client-sqs";

/** Where SNS and SQS are, and as whom to call them. */
export type Account = {
  /** Base URL of an emulator or a VPC endpoint. Default: none, which means AWS in `region`. */
  readonly endpoint?: string | undefined;
  /** `us-east-1`. */
  readonly region: string;
  /** Keys, or a function that fetches them. Default: the SDK's chain of environment, profile and role. */
  readonly credentials?: SNSClientConfig["credentials"] | undefined;
};

export type Clients = { readonly sns: SNSClient; readonly sqs: SQSClient; destroy(): void };

/** Every call but a long poll is given up after this time. */
export const callTimeoutMs = 10_000;

export function createClients({ endpoint, region, credentials }: Account): Clients {
  // Each long poll holds a socket for up to 20 s: with the SDK's 50, polls could keep deletes and sends waiting.
  const agent = { keepAlive: true, maxSockets: 512 };
  const config = {
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    requestHandler: { connectionTimeout: 3_000, httpAgent: agent, httpsAgent: agent },
  };
  const sns = new SNSClient(config);
  // An emulator's queue URLs name hosts that do not resolve, so calls go to the endpoint and not to the URL's host.
  // TLS and the parse of each envelope already see what MD5 would.
  const sqs = new SQSClient({ ...config, useQueueUrlAsEndpoint: false, md5: false });
  // It copies every call's input and output for a log that nobody has asked for.
  for (const { middlewareStack } of [sns, sqs]) middlewareStack.remove("loggerMiddleware");
  return {
    sns,
    sqs,
    destroy() {
      sns.destroy();
      sqs.destroy();
    },
  };
}

/** For every call's second argument. */
export function inTime(): { readonly abortSignal: AbortSignal } {
  return { abortSignal: AbortSignal.timeout(callTimeoutMs) };
}

/** Whether it was not the call that was wrong: AWS cannot be reached, gives no answer in time, fails, or is asked too often. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, $metadata } = error as { readonly code?: unknown; readonly $metadata?: { httpStatusCode?: number } };
  if (awayCodes.test(String(code)) || awayNames.test(error.name) || ($metadata?.httpStatusCode ?? 0) >= 500)
    return true;
  return isAway(error.cause);
}

const awayCodes = /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;
const awayNames = /^(TimeoutError|AbortError|TooManyRequests.*|RequestLimitExceeded|.*Throttl.*)$/;
