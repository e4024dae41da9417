export { PublishError, type PublishFailure } from "./publish-error.ts";
export type { Backlog, Failure, Publisher, Subscriber, Subscription, Transport } from "./transport.ts";
