import { type Note, readNote, type Span, writeNote } from "./note.ts";

/** One partition: messages end in any order, but only what lies before the first open one may be committed. */
export type Progress = {
  /** The offset after the last message begun. */
  readonly next: bigint;
  /** Messages taken and not ended. */
  readonly open: number;
  /** Takes a message in, in the order of the offsets. False where an owner before has ended it. */
  take(offset: bigint): boolean;
  /** Attempts that failed, by whichever member. */
  tried(offset: bigint): number;
  /** Whether it may have been in hand when a member died, so that it may be what that member died of. */
  isSuspect(offset: bigint): boolean;
  /** A handler is about to begin it. False while that is more than the last commit has announced. */
  begin(offset: bigint): boolean;
  /** The next commit says that this message, and no other, is being handled. */
  try(offset: bigint): void;
  failed(offset: bigint): void;
  end(offset: bigint): void;
  /** What to commit, where it is other than what was committed last. With `isLast` nothing is in hand any more. */
  due(isLast: boolean): Due | undefined;
  committed(due: Due): void;
};

export type Due = { readonly offset: bigint; readonly metadata: string; readonly reach: bigint };

/** The least and the most that a commit announces beyond what has begun. */
const leastAhead = 32n;
const mostAhead = 2_048n;

/** `first` is the offset of the first message; `left` what the group has committed, with the note beside it. */
export function createProgress(first: bigint, left: { readonly offset: bigint; readonly metadata: string }): Progress {
  const note: Note = (left.offset <= first && readNote(left.offset, left.metadata)) || { tried: new Map(), ended: [] };
  /** Failed attempts by offset, in the order of the offsets, as a Map keeps what was added in order. */
  const open = new Map<bigint, number>();
  let next = first;
  let highest = first - 1n;
  let begun = 0n;
  let announced = first;
  let trying: bigint | undefined;
  let last: string | undefined;

  return {
    get next() {
      return next;
    },
    get open() {
      return open.size;
    },
    take(offset) {
      next = offset + 1n;
      if (note.ended.some(({ from, count }) => offset >= from && offset < from + count)) return false;
      open.set(offset, triedBefore(note, offset));
      return true;
    },
    tried: (offset) => open.get(offset) ?? 0,
    isSuspect: (offset) => note.reach !== undefined && offset < note.reach,
    begin(offset) {
      begun += 1n;
      if (offset > highest) highest = offset;
      return offset < announced;
    },
    try(offset) {
      trying = offset;
    },
    failed(offset) {
      open.set(offset, (open.get(offset) ?? 0) + 1);
      if (trying === offset) trying = undefined;
    },
    end(offset) {
      open.delete(offset);
      if (trying === offset) trying = undefined;
    },
    due(isLast) {
      const [offset = next] = open.keys();
      const ahead = 2n * begun;
      const reach = highest + 1n + (ahead < leastAhead ? leastAhead : ahead > mostAhead ? mostAhead : ahead);
      const tried = new Map([...open].filter(([, attempts]) => attempts > 0));
      const ended = endedBehind([...open.keys()], next);
      const metadata = writeNote(offset, { ...(isLast ? suspectsFrom(offset) : inHand(reach)), tried, ended });
      return `${offset} ${metadata}` === last ? undefined : { offset, metadata, reach: isLast ? offset : reach };
    },
    committed({ offset, metadata, reach }) {
      last = `${offset} ${metadata}`;
      announced = reach;
      begun = 0n;
    },
  };

  /** Suspects whose turn has not come stay suspects, whoever has them next. */
  function suspectsFrom(offset: bigint): Pick<Note, "reach"> {
    return note.reach !== undefined && note.reach > offset ? { reach: note.reach } : {};
  }

  function inHand(reach: bigint): Pick<Note, "reach" | "trying"> {
    const later = note.reach !== undefined && note.reach > reach ? note.reach : reach;
    return { reach: later, ...(trying === undefined ? {} : { trying }) };
  }
}

/** What was being handled alone when a member died is what it died of; so did, then, the one before, who took risks. */
function triedBefore({ reach, trying, tried }: Note, offset: bigint): number {
  const failed = tried.get(offset) ?? 0;
  return reach !== undefined && trying === offset ? Math.max(failed, 1) + 1 : failed;
}

/** What lies between the open offsets. */
function endedBehind(open: readonly bigint[], next: bigint): Span[] {
  return open
    .map((offset, index) => ({ from: offset + 1n, count: (open[index + 1] ?? next) - offset - 1n }))
    .filter(({ count }) => count > 0n);
}
