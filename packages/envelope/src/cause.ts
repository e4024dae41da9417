import { AsyncLocalStorage } from "node:async_hooks";

/** What is being handled at this moment: a message, or a request, which has no id of its own. */
export type Cause = {
  readonly id?: string;
  readonly correlationId: string;
  readonly traceparent?: string;
};

const causes = new AsyncLocalStorage<Cause>();

/** Runs `work`; every envelope created in it, however deep, names `cause` as what caused it. An envelope is a cause. */
export function runCausedBy<Result>(cause: Cause, work: () => Result): Result {
  return causes.run(cause, work);
}

/** The message or request being handled, if any. */
export function currentCause(): Cause | undefined {
  return causes.getStore();
}
