/** One partition: messages end in any order, but only what lies before the first open one may be committed. */
export type Progress = {
  /** The offset after the last message begun. */
  readonly next: string;
  /** Messages begun and not ended. */
  readonly open: number;
  begin(offset: string): void;
  end(offset: string): void;
  /** The offset to commit, where it is another than the one last committed. */
  due(): string | undefined;
  committed(offset: string): void;
};

/** `first` is the offset of the first message, up to which the group has committed. */
export function createProgress(first: string): Progress {
  /** In the order of the offsets, as a Set keeps what was added in order. */
  const open = new Set<string>();
  let next = first;
  let last = first;

  return {
    get next() {
      return next;
    },
    get open() {
      return open.size;
    },
    begin(offset) {
      open.add(offset);
      next = String(BigInt(offset) + 1n);
    },
    end: (offset) => void open.delete(offset),
    due() {
      const [frontier = next] = open;
      return frontier === last ? undefined : frontier;
    },
    committed(offset) {
      last = offset;
    },
  };
}
