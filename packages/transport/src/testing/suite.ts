import { attemptCases } from "./attempt-cases.ts";
import type { Workshop } from "./bench.ts";
import { contentCases } from "./content-cases.ts";
import { deadLetterCases } from "./dead-letter-cases.ts";
import { deliveryCases } from "./delivery-cases.ts";
import { failureCases } from "./failure-cases.ts";
import { leaseCases } from "./lease-cases.ts";
import { lifetimeCases } from "./lifetime-cases.ts";
import { lineCases } from "./line-cases.ts";
import { malformedCases } from "./malformed-cases.ts";
import { noteCases } from "./note-cases.ts";
import { orderCases } from "./order-cases.ts";
import { pressureCases } from "./pressure-cases.ts";
import { redeliveryCases } from "./redelivery-cases.ts";
import { refusalCases } from "./refusal-cases.ts";

/** What a transport does not promise, or its tests cannot show, with the reason as data. */
export type Exceptions = {
  /** Messages of one key come in the order published, one at a time. */
  readonly order?: string;
  /** A message that is tried again holds back the later ones of its key. */
  readonly orderAfterFailure?: string;
  /** The order of a key holds, too, where several members share the work. */
  readonly orderAcrossMembers?: string;
  /** The road carries any bytes, also none. Where it does not, text that is no envelope. */
  readonly anyBytes?: string;
  /** The attempts are the message's: who makes them, and whether they survive it, is nothing to it. */
  readonly attempts?: string;
  /** Messages that wait for their next attempt take no place from others, however many they are. */
  readonly retryRoom?: string;
  /** What `beforeDead` has not let go is not set aside, also not by the broker after the last attempt. */
  readonly lastNote?: string;
  /** What is closed refuses, and says why. */
  readonly closedForGood?: string;
  /** Fifty thousand messages can wait in a test; where they cannot, two thousand. */
  readonly crowd?: string;
  /** There is a size that the broker refuses. */
  readonly limit?: string;
  /** The broker refuses a message that no group asked for. Where it does not, it takes it. */
  readonly unroutable?: string;
  /** The tests have a `line` to have accidents on. */
  readonly line?: string;
  /** What is redelivered comes back to the group that set it aside, and to no other. */
  readonly redeliveryToGroup?: string;
};

export type TransportCase = {
  /** A promise, in a sentence. */
  readonly name: string;
  readonly run: (workshop: Workshop) => Promise<void>;
  /** Where a transport may decline it. The first whose key has a reason counts. */
  readonly exceptions?: readonly CaseException[];
};

type CaseException = {
  readonly key: keyof Exceptions;
  /** The weaker promise that is tested in its place. Without one, the case is listed as skipped, with the reason. */
  readonly instead?: Pick<TransportCase, "name" | "run">;
};

export const suite: readonly TransportCase[] = [
  ...deliveryCases,
  ...orderCases,
  ...contentCases,
  ...refusalCases,
  ...failureCases,
  ...malformedCases,
  ...attemptCases,
  ...noteCases,
  ...lifetimeCases,
  ...leaseCases,
  ...lineCases,
  ...pressureCases,
  ...deadLetterCases,
  ...redeliveryCases,
];

/** What is tested of a transport with these exceptions. What is declined with nothing in its place has nothing to run. */
export function casesWith(reasons: Exceptions): (Pick<TransportCase, "name"> & Partial<TransportCase>)[] {
  return suite.map((transportCase) => {
    const { name, exceptions = [] } = transportCase;
    const declined = exceptions.find(({ key }) => reasons[key] !== undefined);
    if (declined === undefined) return transportCase;
    const { key, instead = { name } } = declined;
    return { ...instead, name: `${instead.name}, because ${reasons[key]}` };
  });
}
