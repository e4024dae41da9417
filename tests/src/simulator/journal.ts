import type { NewRecord } from "./kafka/cluster.ts";

/** What was seen while it happened, because nothing keeps it. */
export type Journal = {
  /** Records that the broker took, in their order. */
  readonly taken: {
    readonly topic: string;
    readonly partition: number;
    readonly offset: number;
    readonly id: string;
  }[];
  /** What the broker refused when it was alone in its request, by id. */
  readonly refused: Map<string, number>;
  /** Two relays in one lane. */
  readonly rivals: string[];
  /** Messages that an inbox knew already. */
  suppressed: number;
};

export function createJournal(): Journal {
  return { taken: [], refused: new Map(), rivals: [], suppressed: 0 };
}

export function textOf(record: NewRecord, header: string): string {
  return record.headers[header]?.toString() ?? "";
}
