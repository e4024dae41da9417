/**
 * What a member keeps beside a committed offset, for whoever reads on: which messages behind it have ended already, how
 * often others were tried in vain, and what the member may have had in hand. Offsets in the text are relative to the
 * committed one: `{"v":1,"reach":20,"trying":3,"tried":[[3,1]],"ended":[[1,2]]}`.
 */
export type Note = {
  /**
   * No handler has begun a message from this offset on. Absent where the partition was handed over: then no handler
   * that began can have died of it.
   */
  readonly reach?: bigint;
  /** The one message that was being handled, where the member took no risk. */
  readonly trying?: bigint;
  /** Failed attempts by offset. */
  readonly tried: ReadonlyMap<bigint, number>;
  /** Messages that have ended: from, and how many. */
  readonly ended: readonly Span[];
};

export type Span = { readonly from: bigint; readonly count: bigint };

/** Kafka takes 4,096 bytes (`offset.metadata.max.bytes`). */
const mostBytes = 4_000;

/** What does not fit is left out from the end: those messages come again. */
export function writeNote(offset: bigint, { reach, trying, tried, ended }: Note): string {
  const relative = (to: bigint | undefined) => (to === undefined ? undefined : Number(to - offset));
  const note = {
    ...{ v: 1, reach: relative(reach), trying: relative(trying) },
    tried: [...tried].slice(0, 100).map(([at, attempts]) => [relative(at), attempts]),
    ended: ended.map(({ from, count }) => [relative(from), Number(count)]),
  };
  let text = JSON.stringify(note);
  while (text.length > mostBytes) {
    note.ended.length = Math.floor(note.ended.length * 0.75);
    text = JSON.stringify(note);
  }
  return text;
}

/** Undefined where it is none of ours: other clients commit without one, or with words of their own. */
export function readNote(offset: bigint, text: string): Note | undefined {
  try {
    const { v, reach, trying, tried, ended } = JSON.parse(text);
    if (v !== 1) return undefined;
    const absolute = (from: number) => offset + BigInt(from);
    return {
      ...(reach === undefined ? {} : { reach: absolute(reach) }),
      ...(trying === undefined ? {} : { trying: absolute(trying) }),
      tried: new Map(tried.map(([at, attempts]: [number, number]) => [absolute(at), attempts])),
      ended: ended.map(([from, count]: [number, number]) => ({ from: absolute(from), count: BigInt(count) })),
    };
  } catch {
    return undefined; // Whatever it is, it is not written by this file, which is the answer.
  }
}
