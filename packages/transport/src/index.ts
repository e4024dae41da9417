export { type AgeMeasureOptions, createAgeMeasure } from "./age.ts";
export { AwayError } from "./away-error.ts";
export { traceBatch } from "./batch-span.ts";
export { traceDwell, type Waiting } from "./dwell.ts";
export { openPersistently, type PersistentOpening } from "./open-persistently.ts";
export { handleEnvelope } from "./process.ts";
export { PublishError, type PublishFailure } from "./publish-error.ts";
export { registeredTracer } from "./registered-tracer.ts";
export { openRoad, openRoads, type Road, type RoadSettings } from "./roads.ts";
export { tellFailure } from "./subscription.ts";
export { contextOf, formatTraceparent, isSampled } from "./traceparent.ts";
export type {
  Backlog,
  DeadLetter,
  DeadLetterRoad,
  Failure,
  Publisher,
  Subscriber,
  Subscription,
  Transport,
} from "./transport.ts";
