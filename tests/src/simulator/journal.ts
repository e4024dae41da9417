import type { KafkaMessage } from "../../../packages/transport/src/kafka/library.ts";

/** What was seen while it happened, because nothing keeps it. */
export type Journal = {
  /** Records that the broker took, in their order. */
  readonly taken: { readonly record: KafkaMessage; readonly id: string }[];
  /** What the broker refused when it was alone in its request, by id. */
  readonly refused: Map<string, number>;
  /** Two relays in one lane. */
  readonly rivals: string[];
  /** How often a group met while a member was known to be at a message: it may have died of it. By id. */
  readonly suspected: Map<string, number>;
  /** Processes that were killed. */
  crashes: number;
  /** Messages that an inbox knew already. */
  suppressed: number;
};

export function createJournal(): Journal {
  return { taken: [], refused: new Map(), suspected: new Map(), rivals: [], suppressed: 0, crashes: 0 };
}
