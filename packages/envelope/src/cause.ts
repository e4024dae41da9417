import { AsyncLocalStorage } from "node:async_hooks";
import { type Baggage, carriedBaggage } from "./baggage.ts";

/** What is being handled at this moment: a message, or a request, which has no id of its own. */
export type Cause = {
  readonly id?: string;
  readonly correlationId: string;
  readonly traceparent?: string;
  /** Within `runCausedBy`, only what this process carries (see `carryBaggage`). */
  readonly baggage?: Baggage;
};

const causes = new AsyncLocalStorage<Cause>();

/** Runs `work`; every envelope created in it, however deep, names `cause` as what caused it. An envelope is a cause. */
export function runCausedBy<Result>(cause: Cause, work: () => Result): Result {
  return causes.run(cause.baggage === undefined ? cause : withCarried(cause), work);
}

/** The message or request being handled, if any. */
export function currentCause(): Cause | undefined {
  return causes.getStore();
}

function withCarried({ id, correlationId, traceparent, baggage: whole }: Cause): Cause {
  const baggage = carriedBaggage(whole);
  return {
    ...(id === undefined ? {} : { id }),
    correlationId,
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(baggage === undefined ? {} : { baggage }),
  };
}
