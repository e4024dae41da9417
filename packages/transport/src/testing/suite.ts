import type { Workshop } from "./bench.ts";
import { contentCases } from "./content-cases.ts";
import { deliveryCases } from "./delivery-cases.ts";
import { failureCases } from "./failure-cases.ts";
import { lifetimeCases } from "./lifetime-cases.ts";
import { orderCases } from "./order-cases.ts";

/** What a broker may decline to promise, with the reason as data. */
export type Exceptions = {
  /** Messages of one key come in the order published, one at a time. */
  readonly order?: string;
  /** A message that is tried again holds back the later ones of its key. */
  readonly orderAfterFailure?: string;
  /** The order of a key holds, too, where several members share the work. */
  readonly orderAcrossMembers?: string;
  /** The road carries any bytes, also none. Where it does not, text that is no envelope. */
  readonly anyBytes?: string;
};

export type TransportCase = {
  /** A promise, in a sentence. */
  readonly name: string;
  readonly run: (workshop: Workshop) => Promise<void>;
  /** What stands in its place where a transport does not promise it. */
  readonly exception?: {
    readonly key: keyof Exceptions;
    readonly name: string;
    readonly run: (workshop: Workshop) => Promise<void>;
  };
};

export const suite: readonly TransportCase[] = [
  ...deliveryCases,
  ...orderCases,
  ...contentCases,
  ...failureCases,
  ...lifetimeCases,
];
