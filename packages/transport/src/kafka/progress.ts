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

/**
 * The least and the most that a commit announces beyond what has begun: so many are handled one by one after a death.
 * Where handlers had to wait for a commit, the next announces twice as much; where a second passes in which a quarter
 * would have done, half.
 */
const leastAhead = 32;
const mostAhead = 2_048;
const shrinkAfterMs = 1_000;

/** `first` is the offset of the first message; `left` what the group has committed, with the note beside it. */
export function createProgress(first: bigint, left: { readonly offset: bigint; readonly metadata: string }): Progress {
  const note: Note = (left.offset <= first && readNote(left.offset, left.metadata)) || { tried: new Map(), ended: [] };
  /** Failed attempts by offset, in the order of the offsets, as a Map keeps what was added in order. */
  const open = new Map<bigint, number>();
  let next = first;
  let highest = first - 1n;
  let announced = first;
  let ahead = leastAhead;
  /** Since the last change of `ahead`. */
  let begun = 0;
  let since = performance.now();
  let hasWaited = false;
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
      begun += 1;
      if (offset > highest) highest = offset;
      if (offset >= announced) hasWaited = true;
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
      if (hasWaited) resize(Math.min(2 * ahead, mostAhead));
      else if (performance.now() - since > shrinkAfterMs)
        resize(4 * begun < ahead ? Math.max(ahead / 2, leastAhead) : ahead);
      const reach = highest + 1n + BigInt(ahead);
      const metadata = writeNote(offset, { ...(isLast ? suspectsFrom(offset) : inHand(reach)), ...behind(offset) });
      return `${offset} ${metadata}` === last ? undefined : { offset, metadata, reach: isLast ? offset : reach };
    },
    committed({ offset, metadata, reach }) {
      last = `${offset} ${metadata}`;
      announced = reach;
    },
  };

  function resize(to: number): void {
    ahead = to;
    begun = 0;
    since = performance.now();
    hasWaited = false;
  }

  /** What failed, and what ended, at and behind the first open offset. */
  function behind(offset: bigint): Pick<Note, "tried" | "ended"> {
    const tried = new Map<bigint, number>();
    const ended: Span[] = [];
    let from = offset;
    for (const [at, attempts] of open) {
      if (attempts > 0) tried.set(at, attempts);
      if (at > from) ended.push({ from, count: at - from });
      from = at + 1n;
    }
    if (next > from) ended.push({ from, count: next - from });
    return { tried, ended };
  }

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
