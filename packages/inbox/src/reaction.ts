import type { Envelope } from "@throughline/envelope";
import type { Transaction } from "@throughline/log";

/** The end of a contract that a consumer needs: any value with these three. */
export type ReadableContract<Data> = {
  readonly type: string;
  readonly version: string;
  /** Throws a `RejectedError` where the envelope breaks the contract. */
  read(envelope: Envelope): Envelope<Data>;
};

/** What a service does about one message type in one version: made by `on` or `onCall`. */
export type Reaction = {
  readonly type: string;
  readonly version: string;
  /** Whether it asks a third party, which no transaction can undo. */
  readonly calls: boolean;
  /** Reads the message, makes its call if there is one, and returns what is to commit; nothing if it is done already. */
  prepare(envelope: Envelope, isDone: () => Promise<boolean>): Promise<Effect | undefined>;
};

/** Everything a message changes, in the transaction that also remembers the message. */
export type Effect = (tx: Transaction) => Promise<void>;

/**
 * Handles a message in the transaction that remembers it. `handle` does nothing that `tx` cannot undo: it may run again,
 * because a neighbour in its transaction failed, and only the run that commits counts.
 */
export function on<Data>(
  contract: ReadableContract<Data>,
  handle: (message: Envelope<Data>, tx: Transaction) => Promise<void>,
): Reaction {
  return {
    type: contract.type,
    version: contract.version,
    calls: false,
    async prepare(envelope) {
      const message = contract.read(envelope);
      return (tx) => handle(message, tx);
    },
  };
}

/**
 * Asks a third party outside of any transaction, then records its answer in the transaction that remembers the message.
 * A process that dies between the two calls again, with the same `message.id`: the third party must recognise it.
 */
export function onCall<Data, Answer>(
  contract: ReadableContract<Data>,
  call: (message: Envelope<Data>) => Promise<Answer>,
  record: (message: Envelope<Data>, answer: Answer, tx: Transaction) => Promise<void>,
): Reaction {
  return {
    type: contract.type,
    version: contract.version,
    calls: true,
    async prepare(envelope, isDone) {
      const message = contract.read(envelope);
      if (await isDone()) return undefined;
      const answer = await call(message);
      return (tx) => record(message, answer, tx);
    },
  };
}
